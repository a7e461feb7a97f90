"""The name spaces of advisory locks: two uses may never share one."""

from zmq_bridge.storage.locks import Lock


def test_every_name_space_of_locks_has_a_number_of_its_own() -> None:
    assert [name for name, lock in Lock.__members__.items() if name != lock.name] == []
