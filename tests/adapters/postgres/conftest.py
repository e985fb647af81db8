from tests.contracts.conftest import new_database, postgres_server

__all__ = ["new_database", "postgres_server"]
