"""A stream that goes silent, by a clock that the test moves."""

import asyncio

import pytest

from atmos_ai_sidecar.adapters.model import AnthropicModel
from atmos_ai_sidecar.application.ports.model import TextPiece
from atmos_ai_sidecar.errors import ModelTimeoutError
from tests.adapters.model.asking import REQUEST, settings_for
from tests.fakes import messages_api as api
from tests.fakes.clock import FakeClock
from tests.fakes.messages_api import Reply


@pytest.mark.parametrize("has_spoken", [False, True])
async def test_ten_minutes_of_silence_end_in_a_timeout(has_spoken: bool) -> None:
    said = [api.start(), *api.text_block(0, "half")[:2]] if has_spoken else []
    clock = FakeClock()
    async with api.messages_api(Reply(pieces=said, hold=asyncio.Event())) as server:
        model = AnthropicModel(settings_for(server.url), clock)
        async with asyncio.timeout(20), model.stream(REQUEST) as stream:
            if has_spoken:
                assert await anext(stream) == TextPiece(text="half")
            silent = asyncio.ensure_future(anext(stream))
            await clock.wait_for_sleepers()
            clock.advance(600)
            with pytest.raises(ModelTimeoutError, match="sent nothing for 300 s"):
                await silent
        assert len(server.requests) <= 1
        await model.close()
