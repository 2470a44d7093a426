"""Workers that wait to be needed."""

from __future__ import annotations

from properties.child import Child


class Spares:
    """Once a child is lost keeps one per device starting up, for the next loss to cost little."""

    def __init__(self) -> None:
        self._taken: list[Child] = []
        self._waiting: dict[tuple[str, int], Child] = {}

    def take(self, device: str, memory: int) -> Child:
        """Return a child that has said hello; start the next one if others have ended."""
        child = self._waiting.pop((device, memory), None) or Child(device, memory)
        child.greet()
        if any(taken.ended for taken in self._taken):
            self._waiting[device, memory] = Child(device, memory)
        self._taken.append(child)
        return child

    def leave(self, child: Child) -> None:
        """End a child that has done its work."""
        child.end()

    def keep(self, child: Child) -> None:
        """Have a child that is already there be the next one to be taken."""
        self._waiting[child.device, child.memory] = child

    def close(self) -> None:
        """End the children that nobody took."""
        while self._waiting:
            self._waiting.popitem()[1].end()
