"""The model of one run. What is wrong with the choice is said by the first turn, so that other commands need no key."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

from atmos_ai_sidecar.adapters.model import AnthropicModel, ModelSettings
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.model import ModelEvent, ModelRequest
from atmos_ai_sidecar.configuration import Config, ModelChoice, choose_model
from atmos_ai_sidecar.configuration.providers import DEFAULT_MAX_TOKENS, DEFAULT_MODEL
from atmos_ai_sidecar.errors import ModelNotConfiguredError


class ChosenModel:
    """The model that configuration, environment and flags choose; a Model in any case."""

    def __init__(
        self, config: Config, environment: Mapping[str, str], *, provider: str, model: str, clock: Clock
    ) -> None:
        self._choice: ModelChoice | None = None
        self._model: AnthropicModel | ModelNotConfiguredError
        self.provider = (provider or config.provider or "anthropic").lower()
        try:
            self._choice = choose_model(config, environment, provider=provider, model=model)
        except ModelNotConfiguredError as problem:
            self._model = problem
            configured = config.providers.get(self.provider)
            self.name = model or (configured.model if configured else "") or DEFAULT_MODEL
        else:
            self.name, self.provider = self._choice.model, self._choice.provider
            self._model = AnthropicModel(_settings(self._choice, environment), clock)

    @property
    def max_tokens(self) -> int:
        return self._choice.max_tokens if self._choice else DEFAULT_MAX_TOKENS

    @property
    def endpoint(self) -> str:
        """The URL that gets the conversation; empty when no model can be asked."""
        return str(self.describe().get("url", ""))

    async def check(self) -> None:
        """Returns when a turn could ask the model; for a cloud it finds the credentials.

        Raises:
            ModelNotConfiguredError: It could not; the error says what is missing.
        """
        await self._usable().check()

    async def prepare(self) -> None:
        """Loads the SDK ahead of the first turn; what is wrong is left to that turn to say."""
        with suppress(ModelNotConfiguredError):
            await self._usable().load()

    async def reach(self) -> str:
        """What the endpoint says to a request that costs nothing, in a few words.

        Raises:
            ModelNotConfiguredError, ModelUnavailableError, ModelFailedError
        """
        await self.check()
        return await self._usable().reach()

    async def close(self) -> None:
        """Closes the connections; turns must have ended before."""
        if isinstance(self._model, AnthropicModel):
            await self._model.close()

    def stream(self, request: ModelRequest) -> AbstractAsyncContextManager[AsyncIterator[ModelEvent]]:
        """Asks the model. See ``Model``."""
        return self._usable().stream(request)

    def describe(self) -> Mapping[str, Any]:
        """Provider, URL and where the key comes from."""
        return self._model.describe() if isinstance(self._model, AnthropicModel) else {"provider": self.provider}

    def _usable(self) -> AnthropicModel:
        if isinstance(self._model, ModelNotConfiguredError):
            raise self._model
        return self._model


def _settings(choice: ModelChoice, environment: Mapping[str, str]) -> ModelSettings:
    return ModelSettings(
        provider=choice.provider,
        api_key=choice.api_key,
        auth_token=choice.auth_token,
        base_url=choice.base_url,
        region=choice.region,
        project_id=choice.project_id,
        key_source=choice.key_source,
        environment=environment,
    )
