import gc

import pytest

from atmos_ai_sidecar.adapters.model.importing import importing_much
from tests.adapters.model.asking import ask
from tests.fakes import messages_api as api


def test_nothing_is_collected_while_much_is_imported_and_the_collector_goes_on_after_it() -> None:
    with importing_much():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    gc.unfreeze()


def test_collector_goes_on_after_an_import_that_failed() -> None:
    with pytest.raises(ImportError), importing_much():
        raise ImportError
    assert gc.isenabled()


async def test_only_the_import_itself_is_frozen_and_not_what_each_model_leaves_behind() -> None:
    async with api.messages_api(api.answer("ok")) as server:
        await ask(server)
        frozen = gc.get_freeze_count()
        await ask(server)
    assert gc.get_freeze_count() <= frozen
    gc.unfreeze()


def test_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with importing_much():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()
