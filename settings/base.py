"""What the settings of all experiments share: presets, and checks of every field by its type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

__all__ = ["ExperimentConfig"]


@dataclass(frozen=True, kw_only=True)
class ExperimentConfig:
    """What every experiment has, and how its settings are checked.

    Integers and floats must be positive and finite, those of `FRACTIONS` below 1 and those of
    `MAY_BE_ZERO` at least 0; a tuple holds at least one such value; a field with a row in
    `CHOICES` takes its values from there. `None` is left alone.

    Args:
        source: A row of `SOURCES`: `"simulated"` or `"real"`.
        data_root: Folder of the real recordings; `None` takes `CEBRA_ETHAN_DATA`.
        preset: Name of the row of `PRESETS` this was made from.
        num_seeds: Seeds `0, 1, ...` of whatever draws.
    """

    SOURCES: ClassVar[Mapping[str, tuple[str, ...]]] = {"simulated": (), "real": ()}
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {"smoke": {}, "quick": {}, "paper": {}}
    CHOICES: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    FRACTIONS: ClassVar[tuple[str, ...]] = ()
    MAY_BE_ZERO: ClassVar[tuple[str, ...]] = ()

    source: str = "simulated"
    data_root: str | None = None
    preset: str = "paper"
    num_seeds: int = 5

    def __post_init__(self) -> None:
        choices = {"source": tuple(self.SOURCES), "preset": tuple(self.PRESETS), **self.CHOICES}
        for field in fields(self):
            value, kind = getattr(self, field.name), str(field.type)
            if value is None:
                continue
            is_many = kind.startswith("tuple")
            if is_many:
                value = tuple(value)
                object.__setattr__(self, field.name, value)
                if not value:
                    raise ValueError(
                        f"{field.name} must hold at least one value; got none. Give one or more."
                    )
            for item in value if is_many else (value,):
                if field.name in choices:
                    _one_of(field.name, item, choices[field.name])
                elif "float" in kind or "int" in kind:
                    self._check_number(
                        field.name, item, (int, float) if "float" in kind else (int,)
                    )

    def _check_number(self, name: str, value: Any, kinds: tuple[type, ...]) -> None:
        if isinstance(value, bool) or not isinstance(value, kinds):
            wanted = " or ".join(kind.__name__ for kind in kinds)
            raise TypeError(f"{name} must be {wanted}; got {value!r}. Give a plain number.")
        if name in self.FRACTIONS:
            if not 0 < value < 1:
                raise ValueError(f"{name} must be between 0 and 1; got {value!r}. 0.2 is a fifth.")
        elif not 0 < value + (name in self.MAY_BE_ZERO) < float("inf"):
            raise ValueError(
                f"{name} must be positive and finite; got {value!r}. Give a larger number."
            )

    @classmethod
    def from_preset(cls, preset: str, **changes: Any) -> Self:
        """Returns a row of `PRESETS` with some values changed.

        Args:
            preset: `"smoke"`, `"quick"`, `"paper"`, or another row of the experiment.
            changes: Values that replace those of the preset.

        Raises:
            ValueError: If the preset is unknown or a value is outside its set.
            TypeError: If a name is not a setting.

        Example:
            >>> HippocampusConfig.from_preset("smoke", num_seeds=2).max_iterations
            100
        """
        _one_of("preset", preset, cls.PRESETS)
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(changes) - known)
        if unknown:
            raise TypeError(
                f"a setting must be one of {', '.join(sorted(known))}; got {', '.join(unknown)}."
            )
        return cls(**{**cls.PRESETS[preset], "preset": preset, **changes})


def _one_of(name: str, value: object, choices: Iterable[str]) -> None:
    if value not in (known := tuple(choices)):
        raise ValueError(f"{name} must be one of {', '.join(known)}; got {value!r}.")
