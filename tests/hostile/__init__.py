"""Hostile implementations, and the kind of violation that each must be. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Hostile:
    """An implementation that misbehaves when there is more than one image.

    `kind` is what the judge must find in the last of `calls` calls; "" for nothing at all. `also`
    is another kind that is as true, where the machine's load decides which one shows. `alone`
    tells that it leaves a process behind which others should not share. `where` is in the message:
    the frame that the process was in, if it lets itself be asked.
    """

    place: str
    kind: str
    calls: int = 1
    gradients: tuple[str, ...] = ()
    pause: float = 0.0
    also: str | None = None
    alone: bool = True
    where: str = ""

    @property
    def name(self) -> str:
        """The attribute of its module: unique."""
        return self.place.partition(":")[2]

    @property
    def target(self) -> str:
        """The implementation, as a user would name it."""
        return f"tests.hostile.{self.place}"


HOSTILE: tuple[Hostile, ...] = (
    Hostile("endings:segfault", "crash", where="in segfault"),
    Hostile("endings:abort", "crash"),
    Hostile("endings:killed", "crash"),
    Hostile("endings:stack_overflow", "crash"),
    Hostile("endings:exit_zero", "exit"),
    Hostile("endings:fork_and_exit", "exit"),
    Hostile("endings:sleep", "hang", where="in sleep"),
    Hostile("endings:spin", "hang", where="in spin"),
    Hostile("endings:deaf_sleep", "hang"),
    Hostile("endings:forges_its_stack", "hang", where="in nothing"),
    Hostile("endings:closes_the_log_and_sleeps", "hang"),
    Hostile("endings:stopped", "hang"),
    Hostile("endings:fork_and_hang", "hang"),
    Hostile("endings:recursion", "error"),
    Hostile("endings:too_large_tensor", "memory"),
    Hostile("endings:growing_tensors", "memory", also="hang"),
    Hostile("endings:growing_bytes", "memory", also="hang"),
    Hostile("endings:growing_maps", "memory", also="hang"),
    Hostile("endings:forks_without_end", "processes"),
    Hostile("endings:leaves_a_daemon", "exit"),
    Hostile("endings:fills_the_disk", "error", alone=False, where="File too large"),
    Hostile("answers:raises", "error", alone=False),
    Hostile("answers:raises_unprintable", "error", alone=False),
    Hostile("answers:raises_surrogates", "error", alone=False),
    Hostile("answers:raises_system_exit", "error", alone=False),
    Hostile("answers:raises_keyboard_interrupt", "error", alone=False),
    Hostile("answers:declines", "declined", alone=False),
    Hostile("answers:returns_none", "type", alone=False),
    Hostile("answers:returns_tuple", "type", gradients=("input",), alone=False),
    Hostile("answers:returns_subclass", "type", alone=False),
    Hostile("answers:returns_sparse", "type", alone=False),
    Hostile("answers:returns_opaque", "type", alone=False),
    Hostile("answers:returns_meta", "device", alone=False),
    Hostile("answers:returns_wrong_shape", "shape", alone=False),
    Hostile("answers:returns_huge", "shape", alone=False),
    Hostile("answers:returns_doubles", "dtype", alone=False),
    Hostile("answers:returns_complex", "dtype", alone=False),
    Hostile("answers:drops_gradient", "type", gradients=("input", "weight"), alone=False),
    Hostile("answers:crashes_in_backward", "crash", gradients=("input",)),
    Hostile("answers:returns_input_view", "alias", alone=False),
    Hostile("answers:reuses_buffer", "alias", calls=2, alone=False),
    Hostile("answers:writes_input", "mutation", alone=False),
    Hostile("answers:writes_weight", "mutation", alone=False),
    Hostile("answers:writes_after_input", "mutation", alone=False),
    Hostile("answers:writes_before_weight", "mutation", alone=False),
    Hostile("answers:wrong_element", "value", alone=False),
    Hostile("answers:nan_element", "value", alone=False),
    Hostile("answers:tile_unwritten", "value", alone=False),
    Hostile("answers:thread_writes_soon", "late-write"),
    Hostile("answers:pool_writes_later", "late-write", calls=2, pause=0.2),
    Hostile("answers:pool_writes_much_later", "late-write", calls=2, pause=0.5),
    Hostile("cheats:searches_all_objects", "value", alone=False),
    Hostile("cheats:searches_the_stack", "value", alone=False),
    Hostile("cheats:searches_open_files", "value", alone=False),
    Hostile("cheats:returns_freed_memory", "value", alone=False),
    Hostile("cheats:computes_when_asked", "type", alone=False),
    Hostile("channel:closes_descriptors", "reply", also="exit"),
    Hostile("channel:closes_descriptors_and_hangs", "reply"),
    Hostile("channel:writes_garbage", "reply"),
    Hostile("channel:announces_too_much", "reply"),
    Hostile("channel:announces_negative_sizes", "reply"),
    Hostile("channel:announces_infinite_size", "reply"),
    Hostile("channel:nests_too_deeply", "reply"),
    Hostile("channel:answers_another_request", "reply"),
    Hostile("channel:replies_nothing", "reply"),
    Hostile("channel:replies_empty_error", "error", also="reply"),
    Hostile("channel:replies_wrong_types", "alias", also="reply"),
    Hostile("channel:replies_endless_time", "reply"),
    Hostile("channel:replies_without_data", "reply"),
    Hostile("channel:forks_the_worker", "reply", calls=2, pause=0.3),
    Hostile("channel:floods_the_log", "value"),
    Hostile("channel:patches_comparisons", "value"),
    Hostile("channel:forks_a_child", "", calls=2),
    Hostile("channel:leaves_threads", "", calls=2),
    Hostile("channel:changes_defaults", "", calls=2),
    Hostile("channel:forgets_modules", "", calls=2),
    Hostile("channel:closes_stdout", "", calls=2),
    Hostile("channel:lazy_negative", ""),
)

__all__ = ["HOSTILE", "Hostile"]
