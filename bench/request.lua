-- The request that wrk repeats, and what it says at the end.
wrk.method = "POST"
wrk.body = os.getenv("BENCH_BODY")

function done(summary)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"microseconds":%d,"bytes":%d,"errors":%d}\n',
    summary.requests, summary.duration, summary.bytes,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
