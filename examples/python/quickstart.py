"""Copies a database with Jackdaw, from Python.

Creates a database at either end, a connection string and a task; writes documents at the source,
watches them arrive at the destination and compares them; then does two things wrong, to read the
errors. Ends with exit code 0 if all was as it should be.
"""

import argparse
import json
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
from google.protobuf.message import Message

from client import Identity, Refusal, Service
from jackdaw.control.v1 import connection_strings_pb2 as strings
from jackdaw.control.v1 import databases_pb2 as databases
from jackdaw.control.v1 import external_replications_pb2 as tasks
from jackdaw.documents.v1 import commands_pb2 as commands
from jackdaw.documents.v1 import documents_pb2 as documents

# A call without a deadline may wait for ever. These are long: they are for when something is wrong.
CALL_SECONDS = 10.0
COPY_SECONDS = 30.0

MOVIES = {
    "movies/1": {"Title": "Brazil", "Year": 1985, "@metadata": {"@collection": "Movies"}},
    "movies/2": {"Title": "Léon", "Year": 1994, "@metadata": {"@collection": "Movies"}},
    "movies/3": {"Title": "Playtime", "Year": 1967, "@metadata": {"@collection": "Movies"}},
}


def create_database(service: Service, name: str) -> None:
    # With a request id the call may be repeated, here by the channel's retry policy: if the first
    # try was carried out and just its answer was lost, the second one gets that answer.
    request = databases.CreateDatabaseRequest(database_id=name, request_id=str(uuid.uuid4()))
    created = service.databases.CreateDatabase(request, timeout=CALL_SECONDS)
    print(f"{service.address}: created {created.name}")


def replicate(source: Service, database: str, destination_url: str, copy: str) -> str:
    """Creates a connection string and a task that uses it; returns the task's name."""
    parent = f"databases/{database}"
    string = strings.ConnectionString(database=copy, topology_discovery_urls=[destination_url])
    source.connection_strings.CreateConnectionString(
        strings.CreateConnectionStringRequest(
            parent=parent,
            connection_string_id="copy",
            connection_string=string,
            request_id=str(uuid.uuid4()),
        ),
        timeout=CALL_SECONDS,
    )
    task = source.tasks.CreateExternalReplication(
        tasks.CreateExternalReplicationRequest(
            parent=parent,
            external_replication=tasks.ExternalReplication(connection_string="copy"),
            request_id=str(uuid.uuid4()),
        ),
        timeout=CALL_SECONDS,
    )
    print(f"{source.address}: created {task.name}, to {destination_url} {copy}")
    return task.name


def put(id: str, body: bytes, expected: str | None = None) -> commands.Put:
    """A put; with `expected` only if the document has this change vector, "" for none at all."""
    return commands.Put(id=id, body=body, expected_change_vector=expected)


def write(source: Service, database: str) -> commands.Written:
    """Writes all movies in one transaction; returns what the last one became."""
    puts = [put(id, json.dumps(body).encode(), expected="") for id, body in MOVIES.items()]
    request = documents.TransactRequest(
        database=database, commands=[commands.Command(put=it) for it in puts]
    )
    # Not repeated when it fails: with the change vectors expected above a second try would be
    # refused if the first one had been carried out, and nobody would know by whom.
    written = source.documents.Transact(request, timeout=CALL_SECONDS).written
    print(f"{source.address}: {len(written)} documents are durable, up to etag {written[-1].etag}")
    return written[-1]


def arrivals(destination: Service, copy: str) -> Iterator[str]:
    """Begins to watch the copy; then yields ids as they arrive, until the deadline."""
    request = documents.WatchChangesRequest(database=copy)
    changes = destination.documents.WatchChanges(request, timeout=COPY_SECONDS)
    # The first part comes at once. What is committed after it is reported for certain, so nothing
    # is missed between here and the first change.
    next(changes)

    def ids() -> Iterator[str]:
        for part in changes:
            for change in part.changes:
                # A kind that is not known yet counts as "look at it", never as an error.
                if change.kind != documents.CHANGE_KIND_DELETE:
                    yield change.id

    return ids()


def wait_until_acknowledged(source: Service, task: str, etag: int) -> None:
    """Waits until the destination has acknowledged a change of the source as durable."""
    request = tasks.WatchExternalReplicationRequest(name=task)
    for now in source.tasks.WatchExternalReplication(request, timeout=COPY_SECONDS):
        if now.progress.last_acknowledged_etag >= etag:
            print(f"{source.address}: etag {etag} is durable at {now.actual_destination_url}")
            return
        if now.phase.kind == tasks.ExternalReplication.PHASE_KIND_BLOCKED:
            sys.exit(f"{task} is blocked: {now.phase.reason}: {now.phase.message}")
    sys.exit(f"{task} ended")


def compare(source: Service, database: str, destination: Service, copy: str) -> None:
    for id in MOVIES:
        here, there = (
            service.documents.GetDocument(
                documents.GetDocumentRequest(database=name, id=id), timeout=CALL_SECONDS
            )
            for service, name in ((source, database), (destination, copy))
        )
        # Etags are each database's own; bodies and change vectors are the same everywhere.
        if (here.body, here.change_vector) != (there.body, there.change_vector):
            sys.exit(f"{id} is not equal: {here} and {there}")
    print(f"equal: {len(MOVIES)} documents")


def refused(reason: str, call: Callable[..., object], request: Message) -> Refusal:
    """Makes a call that must be refused for this reason, and shows how."""
    try:
        call(request, timeout=CALL_SECONDS)
    except grpc.RpcError as error:
        refusal = Refusal.of(error)
        print(f"refused: {refusal}")
        if (refusal.domain, refusal.reason) == ("jackdaw", reason):
            return refusal
        raise
    sys.exit(f"{request} was carried out, and should have been refused with {reason}")


def do_wrong(source: Service, database: str, newest: commands.Written) -> None:
    """Two mistakes, and what the service says about them."""
    refusal = refused(
        "FIELD_INVALID",
        source.connection_strings.CreateConnectionString,
        strings.CreateConnectionStringRequest(
            parent=f"databases/{database}",
            connection_string_id="wrong",
            connection_string=strings.ConnectionString(topology_discovery_urls=["http://there"]),
        ),
    )
    # Every wrong field is named by its path, so a form can show the text where it belongs.
    if len(refusal.violations) != 2:
        sys.exit("both the database and the URL are wrong")

    refusal = refused(
        "CHANGE_VECTOR_MISMATCH",
        source.documents.PutDocument,
        documents.PutDocumentRequest(
            database=database, put=put(newest.id, b'{"Title":"Mon Oncle"}', expected="")
        ),
    )
    # What a program needs is in the metadata: texts are for people, and may change.
    if refusal.metadata["actual"] != newest.change_vector:
        sys.exit("the document should still be as it was written")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", metavar="HOST:PORT", default="127.0.0.1:7443")
    parser.add_argument("--destination", metavar="HOST:PORT", default="127.0.0.1:7444")
    parser.add_argument("--database", metavar="NAME", default="movies")
    parser.add_argument("--copy", metavar="NAME", default="demo-copy")
    parser.add_argument("--certificates", metavar="FOLDER", type=Path, default="certificates")
    arguments = parser.parse_args()
    database, copy = arguments.database, arguments.copy
    identity = Identity.in_folder(arguments.certificates)

    with (
        Service(arguments.source, identity) as source,
        Service(arguments.destination, identity) as destination,
    ):
        create_database(source, database)
        create_database(destination, copy)
        task = replicate(source, database, f"https://{arguments.destination}", copy)

        arriving = arrivals(destination, copy)
        newest = write(source, database)
        missing = set(MOVIES)
        for id in arriving:
            print(f"{destination.address}: {id} arrived")
            missing.discard(id)
            if not missing:
                break
        else:
            sys.exit(f"the watch ended without {missing}")
        wait_until_acknowledged(source, task, newest.etag)
        compare(source, database, destination, copy)

        do_wrong(source, database, newest)


if __name__ == "__main__":
    try:
        main()
    except grpc.RpcError as error:
        sys.exit(f"failed: {Refusal.of(error)}")
