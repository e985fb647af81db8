from tests.contracts.conftest import new_database, postgres_server
from tests.e2e.conftest import demo, model, model_url, project

__all__ = ["demo", "model", "model_url", "new_database", "postgres_server", "project"]
