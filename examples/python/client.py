"""A Jackdaw service as seen from Python: one connection, its stubs, and its errors."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Self

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from jackdaw.control.v1 import (
    connection_strings_pb2_grpc,
    databases_pb2_grpc,
    external_replications_pb2_grpc,
)
from jackdaw.documents.v1 import documents_pb2_grpc

# A document has up to 16 MiB, and a part of a stream may hold one beside others; gRPC's default is
# 4 MiB.
ANSWER_BYTES_MAX = 64 * 1024 * 1024

# Only calls that may be repeated without harm: reads, and control calls, whose creations carry a
# request id. A write of a document is not among them: whether to repeat it is for its author.
RETRIES = {
    "methodConfig": [
        {
            "name": [
                {"service": "jackdaw.control.v1.Databases"},
                {"service": "jackdaw.control.v1.ConnectionStrings"},
                {"service": "jackdaw.control.v1.ExternalReplications"},
                {"service": "jackdaw.documents.v1.Documents", "method": "GetDocument"},
                {"service": "jackdaw.documents.v1.Documents", "method": "ListDocuments"},
            ],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.2s",
                "maxBackoff": "5s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}


@dataclass(frozen=True)
class Identity:
    """As whom to call, and whom to believe: PEM files."""

    certificate: Path
    key: Path
    authority: Path

    @classmethod
    def in_folder(cls, folder: Path) -> Self:
        """The administrator's files, as `jackdaw certificate init` names them."""
        return cls(folder / "admin.pem", folder / "admin.key", folder / "ca.pem")

    def credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(
            root_certificates=self.authority.read_bytes(),
            private_key=self.key.read_bytes(),
            certificate_chain=self.certificate.read_bytes(),
        )


class Service:
    """The stubs of one service over one connection. Closes it as a context manager."""

    def __init__(self, address: str, identity: Identity) -> None:
        """Dials `host:port` with the first call. The service's certificate must be for `host`."""
        self.address = address
        self._channel = grpc.secure_channel(
            address,
            identity.credentials(),
            options=[
                ("grpc.max_receive_message_length", ANSWER_BYTES_MAX),
                ("grpc.service_config", json.dumps(RETRIES)),
                # A watch may have nothing to say for hours: pings find out that the line is dead.
                ("grpc.keepalive_time_ms", 20_000),
                ("grpc.keepalive_timeout_ms", 20_000),
            ],
        )
        self.databases = databases_pb2_grpc.DatabasesStub(self._channel)
        self.connection_strings = connection_strings_pb2_grpc.ConnectionStringsStub(self._channel)
        self.tasks = external_replications_pb2_grpc.ExternalReplicationsStub(self._channel)
        self.documents = documents_pb2_grpc.DocumentsStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()


@dataclass(frozen=True)
class Refusal:
    """What an error of a call says, with its details."""

    code: grpc.StatusCode
    message: str
    # Of docs/errors.md; empty when the error is not the service's but, for instance, the network's.
    reason: str = ""
    domain: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    # Wrong fields: path and what is wrong.
    violations: list[tuple[str, str]] = field(default_factory=list)
    # Not before then is it worth another try; None: the service does not say.
    retry_after: timedelta | None = None

    @classmethod
    def of(cls, error: grpc.RpcError) -> Self:
        """Reads the `google.rpc` details that the service attaches to every error."""
        # An RpcError of a call is a Call too, which grpc's types do not say.
        assert isinstance(error, grpc.Call)
        status = rpc_status.from_call(error)
        if status is None:
            return cls(error.code(), error.details() or "")
        info = error_details_pb2.ErrorInfo()
        bad = error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        retry_after = None
        for detail in status.details:
            # Unpack does nothing unless the detail is of that type. Pass over what is unknown: a
            # newer service may have more to say.
            detail.Unpack(info)
            detail.Unpack(bad)
            if detail.Unpack(retry):
                retry_after = retry.retry_delay.ToTimedelta()
        return cls(
            code=error.code(),
            message=status.message,
            reason=info.reason,
            domain=info.domain,
            metadata=dict(info.metadata),
            violations=[(it.field, it.description) for it in bad.field_violations],
            retry_after=retry_after,
        )

    def __str__(self) -> str:
        lines = [f"{self.code.name} {self.reason} ({self.domain or 'not from a service'})"]
        lines.append(f"  {self.message}")
        lines += [f"  {name} = {value}" for name, value in sorted(self.metadata.items())]
        lines += [f"  {path}: {text}" for path, text in self.violations]
        return "\n".join(lines)
