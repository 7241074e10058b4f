"""Makes a case and lists the newest ones."""

import os
import sys

from dossier_client import Dossier
from dossier_client.input_types import CreateCaseInput

url = os.environ.get("API_URL", "http://127.0.0.1:8000/graphql")
client = Dossier(url, headers={"Authorization": f"Bearer {os.environ['DOSSIER_TOKEN']}"})

for error in client.create_case(CreateCaseInput(title="Made by my client")).create_case.errors:
    print(error.message, file=sys.stderr)
for case in client.cases(first=10).cases.nodes:
    print(case.number, case.title, case.viewer_role.value)
