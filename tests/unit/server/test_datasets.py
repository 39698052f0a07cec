"""Uploads over HTTP: sending data, using them in a study, sharing and removing them."""

from served import Served

HOUSES = "rooms,area,price\n" + "".join(
    f"{i % 5},{30 + i * 7 % 90},{100 + 3 * i}.5\n" for i in range(60)
)

STUDY = """\
name = "{name}"
[dataset]
source = "table"
path = "{path}"
target = "price"
[budget]
trials = 2
"""


def put(
    served: Served, name: str, content: bytes | str = HOUSES, who: str = "submit", **query: str
):
    return served.ask("PUT", f"/v1/datasets/{name}", who, content=content, params=query)


def submit(served: Served, path: str, who: str = "submit", name: str = "houses"):
    headers = {"Content-Type": "application/toml"}
    content = STUDY.format(name=name, path=path)
    return served.ask("POST", "/v1/studies", who, content=content, headers=headers)


def test_an_upload_is_used_by_a_study(served: Served) -> None:
    made = put(served, "houses.csv")
    print(made.text)
    assert made.status_code == 201
    print(served.ask("GET", "/v1/datasets/houses.csv", "submit").text)
    made = submit(served, "upload:houses.csv")
    print(made.text)
    assert made.status_code == 201
    print(served.ask("GET", "/v1/studies/houses/file", "read").text)
    assert served.ask("DELETE", "/v1/datasets/houses.csv", "submit").json() == 1
