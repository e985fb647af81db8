from atmos_ai_sidecar.application.turn_reports import failed


def _raised(code: str) -> Exception:
    try:
        exec(compile(code, "x", "exec"), {})
    except Exception as error:  # noqa: BLE001 - any type, that is the point
        return error
    raise AssertionError(code)


def test_turn_that_fails_at_an_import_says_what_to_install() -> None:
    for code in ("import there_is_no_such_module", "raise RuntimeError('The grpc package is too old.')"):
        assert "--force-reinstall" in failed(_raised(code)).message


def test_turn_that_fails_otherwise_does_not_blame_the_installation() -> None:
    assert "The log has the details" in failed(ValueError("secret")).message
