"""ApiKeyService: keys are made here, shown once, and kept as hashes."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Any

import grpc

from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.runtime.principal import Scope, principal, require
from wavetank.v1 import api_key_pb2, api_key_pb2_grpc

if TYPE_CHECKING:
    from wavetank.clearing.core.clearing import Clearing
    from wavetank.clearing.service import ClearingService

Context = grpc.aio.ServicerContext[Any, Any]

_SCOPE_BITS = {
    api_key_pb2.SCOPE_READ: Scope.READ,
    api_key_pb2.SCOPE_TRADE: Scope.TRADE,
    api_key_pb2.SCOPE_ADMIN: Scope.ADMIN,
}


def scopes_of(bits: int) -> list[api_key_pb2.Scope.ValueType]:
    """Return scopes as the contract lists them."""
    return [scope for scope, bit in _SCOPE_BITS.items() if bits & bit]


class ApiKeyServicer(api_key_pb2_grpc.ApiKeyServiceServicer):
    """Serves keys to admins."""

    def __init__(self, service: ClearingService) -> None:
        """Serve for `service`."""
        self._service = service

    async def CreateApiKey(  # noqa: N802 - the contract's name.
        self, request: api_key_pb2.CreateApiKeyRequest, context: Context
    ) -> api_key_pb2.CreateApiKeyResponse:
        """Make a key and show it once."""
        require(principal(context), Scope.ADMIN)
        scopes = 0
        for scope in request.scopes:
            if scope not in _SCOPE_BITS:
                raise VenueError(Reason.MALFORMED, f"scope {scope} is unknown; 1 read, 2 trade, 3 admin", was=scope)
            scopes |= _SCOPE_BITS[scope]
        if not scopes:
            raise VenueError(Reason.MALFORMED, "a key has at least one scope")
        if request.account_id == 0 and not scopes & Scope.ADMIN:
            raise VenueError(Reason.MALFORMED, "a key without scope admin acts for one account; name its account_id")
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        digest = hashlib.sha256(secret.encode()).digest()

        def call(core: Clearing, _now_ns: int) -> None:
            core.bank.create_api_key(request.account_id, key_id=key_id, secret_sha256=digest, scopes=scopes)

        await self._service.request(call)
        return api_key_pb2.CreateApiKeyResponse(
            api_key=api_key_pb2.ApiKey(key_id=key_id, account_id=request.account_id, scopes=scopes_of(scopes)),
            secret_key=f"{key_id}.{secret}",
        )

    async def ListApiKeys(  # noqa: N802 - the contract's name.
        self, request: api_key_pb2.ListApiKeysRequest, context: Context
    ) -> api_key_pb2.ListApiKeysResponse:
        """List keys by their public part."""
        require(principal(context), Scope.ADMIN)

        def call(core: Clearing) -> list[api_key_pb2.ApiKey]:
            return [
                api_key_pb2.ApiKey(key_id=key_id, account_id=key.account_id, scopes=scopes_of(key.scopes))
                for key_id, key in sorted(core.state.api_keys.items())
                if request.account_id in {0, key.account_id}
            ]

        return api_key_pb2.ListApiKeysResponse(api_keys=await self._service.ask(call))

    async def RevokeApiKey(  # noqa: N802 - the contract's name.
        self, request: api_key_pb2.RevokeApiKeyRequest, context: Context
    ) -> api_key_pb2.RevokeApiKeyResponse:
        """End a key."""
        require(principal(context), Scope.ADMIN)
        await self._service.request(lambda core, _now_ns: core.bank.revoke_api_key(request.key_id))
        return api_key_pb2.RevokeApiKeyResponse()
