/** Everything that this app asks of the server, in one place. `npm run generate` makes its types. */
import { graphql } from './gql';

/** The rows, with all that a page shows and a form edits of them. */
graphql(`
  fragment CaseRow on Case {
    id number title description reference status viewerRole version updatedAt
    updatedBy { subject name }
  }

  fragment FileBatchRow on FileBatch {
    id label fileCount description fileTypes sortOrder version updatedAt
    updatedBy { subject name }
  }

  fragment EventRow on Event {
    id type title description occurredAt occurredUntil timePrecision version updatedAt
    updatedBy { subject name }
  }
`);

/** What keeps a case as it is, and who may do something about it. */
graphql(`
  fragment Keeping on Case {
    id status viewerRole version retainUntil
    seal { at reason by { subject name } }
    holds { id name releasedAt }
  }
`);

/** What was deleted and can be restored. */
graphql(`
  fragment TrashPage on ChangeConnection {
    nodes {
      id at
      by { subject name }
      on { type id label }
    }
    pageInfo { hasNextPage endCursor }
  }
`);

/** Why a change was refused. A conflict shows the row as it is now. */
graphql(`
  fragment Refusal on UserError {
    __typename
    message
    path
    ... on StateError { state }
    ... on ConflictError {
      currentVersion
      current {
        __typename
        ... on Case { ...CaseRow }
        ... on Event { ...EventRow }
        ... on FileBatch { ...FileBatchRow }
      }
    }
  }
`);

export const Viewer = graphql(`
  query Viewer {
    viewer { id subject name }
  }
`);

export const Cases = graphql(`
  query Cases($where: CaseFilter, $after: String) {
    cases(where: $where, first: 25, after: $after) {
      totalCount
      nodes { ...CaseRow ...Keeping }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

/** A page of a case's timeline. A hundred events fill a screen, and are the most that a page may have. */
export const Timeline = graphql(`
  query Timeline($id: ID!, $where: EventFilter, $after: String) {
    case(id: $id) {
      ...CaseRow
      ...Keeping
      events(where: $where, first: 100, after: $after) {
        totalCount
        nodes {
          ...EventRow
          fileBatches(first: 100) {
            totalCount
            nodes { ...FileBatchRow totalBytes files(first: 1) { nodes { id } } }
          }
        }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
`);

/** A page of the files that a batch has, with the manifest that lists them, once it is finished. */
export const Files = graphql(`
  query Files($batch: ID!, $where: FileFilter, $after: String) {
    node(id: $batch) {
      __typename
      ... on FileBatch {
        id label
        manifest { sha256 fileCount totalBytes finishedAt finishedBy { subject name } }
        event { title case { id number title } }
        files(where: $where, first: 50, after: $after) {
          totalCount
          nodes { id path pathBytes size modifiedAt sha256 }
          pageInfo { hasNextPage endCursor }
        }
      }
    }
  }
`);

/** What goes with a case when it is deleted, a page of its events at a time. */
export const Contents = graphql(`
  query Contents($id: ID!, $after: String) {
    case(id: $id) {
      events(first: 100, after: $after) {
        totalCount
        nodes { fileBatches(first: 1) { totalCount } }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
`);

/** What was deleted of a case, or which cases were. */
export const Trash = graphql(`
  query Trash($caseId: ID!, $isOfCase: Boolean!, $after: String) {
    trash(first: 25, after: $after) @skip(if: $isOfCase) { ...TrashPage }
    case(id: $caseId) @include(if: $isOfCase) {
      trash(first: 25, after: $after) { ...TrashPage }
    }
  }
`);

/** Whether an event or a batch that is missing from a page is there at all. */
export const Whereabouts = graphql(`
  query Whereabouts($id: ID!) {
    node(id: $id) { id }
  }
`);

export const CreateCase = graphql(`
  mutation CreateCase($input: CreateCaseInput!) {
    createCase(input: $input) { case { id } errors { ...Refusal } }
  }
`);

export const UpdateCase = graphql(`
  mutation UpdateCase($input: UpdateCaseInput!) {
    updateCase(input: $input) { case { ...CaseRow } errors { ...Refusal } }
  }
`);

export const DeleteCase = graphql(`
  mutation DeleteCase($input: DeleteCaseInput!) {
    deleteCase(input: $input) { deletedId errors { ...Refusal } }
  }
`);

export const CreateEvent = graphql(`
  mutation CreateEvent($input: CreateEventInput!) {
    createEvent(input: $input) { event { ...EventRow } errors { ...Refusal } }
  }
`);

export const UpdateEvent = graphql(`
  mutation UpdateEvent($input: UpdateEventInput!) {
    updateEvent(input: $input) { event { ...EventRow } errors { ...Refusal } }
  }
`);

export const DeleteEvent = graphql(`
  mutation DeleteEvent($input: DeleteEventInput!) {
    deleteEvent(input: $input) { deletedId errors { ...Refusal } }
  }
`);

export const CreateFileBatch = graphql(`
  mutation CreateFileBatch($input: CreateFileBatchInput!) {
    createFileBatch(input: $input) { fileBatch { ...FileBatchRow } errors { ...Refusal } }
  }
`);

export const UpdateFileBatch = graphql(`
  mutation UpdateFileBatch($input: UpdateFileBatchInput!) {
    updateFileBatch(input: $input) { fileBatch { ...FileBatchRow } errors { ...Refusal } }
  }
`);

export const DeleteFileBatch = graphql(`
  mutation DeleteFileBatch($input: DeleteFileBatchInput!) {
    deleteFileBatch(input: $input) { deletedId errors { ...Refusal } }
  }
`);

/** Brings back what was deleted, with what went with it. */
export const Restore = graphql(`
  mutation Restore($input: RestoreInput!) {
    restore(input: $input) {
      node {
        __typename
        ... on Case { number title events(first: 1) { totalCount } }
        ... on Event { title fileBatches(first: 1) { totalCount } }
        ... on FileBatch { label }
      }
      errors { ...Refusal }
    }
  }
`);

export const SealCase = graphql(`
  mutation SealCase($input: SealCaseInput!) {
    sealCase(input: $input) { case { id } errors { ...Refusal } }
  }
`);

export const UnsealCase = graphql(`
  mutation UnsealCase($input: UnsealCaseInput!) {
    unsealCase(input: $input) { case { id } errors { ...Refusal } }
  }
`);

export const PlaceHold = graphql(`
  mutation PlaceHold($input: PlaceHoldInput!) {
    placeHold(input: $input) { hold { id } errors { ...Refusal } }
  }
`);

export const ReleaseHold = graphql(`
  mutation ReleaseHold($input: ReleaseHoldInput!) {
    releaseHold(input: $input) { hold { id } errors { ...Refusal } }
  }
`);
