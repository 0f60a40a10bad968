"""Backend options: text in, checked values out. The same words as the C++ backends use (src/backends/options.h)."""

from dataclasses import dataclass, field

from cycloid.errors import INVALID_ARGUMENT, CycloidError


@dataclass(frozen=True)
class Option:
    name: str
    default: str
    meaning: str
    choices: tuple = field(default=())  # empty: any text


BOOL = ("false", "true")


def resolve(backend, known, given):
    """{name: text} of every option in force. Raises CycloidError for a name or a value that `known` does not have."""
    values = {option.name: option.default for option in known}
    for name, text in given.items():
        option = next((o for o in known if o.name == name), None)
        if option is None:
            names = ", ".join(o.name for o in known)
            raise CycloidError(INVALID_ARGUMENT, f"backend '{backend}' has no option '{name}'; it has: {names}")
        if option.choices and text not in option.choices:
            raise CycloidError(
                INVALID_ARGUMENT,
                f"backend '{backend}': option {name}={text} is not one of {', '.join(option.choices)}",
            )
        values[name] = text
    return values
