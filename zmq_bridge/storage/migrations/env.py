"""What Alembic runs: always online, always on the connection that `migrate` hands over, in its transaction."""

from alembic import context

from zmq_bridge.storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
