"""What `atmos-ai demo` and the tests run on: a project, a replayed Atmos and an offline model."""
