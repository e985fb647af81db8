from tests.e2e.conftest import demo, model, model_url, project

__all__ = ["demo", "model", "model_url", "project"]
