"""The service: a Django project with one app, `readings`; its settings come from the environment alone."""
