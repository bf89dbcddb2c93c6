"""What a checkpoint's chat template puts around one text, picture or sound: rendered once, and boxed in.

A template is a program in Jinja. It runs in Jinja's sandbox, with few turns of its loops, few calls and no
multiplication, so that one that means harm ends with an error.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from commonspace.core.errors import MissingExtra, ModelError
from commonspace.encode.hub.folder import CheckpointFolder

__all__ = ["Frame", "Template", "system_prompts"]

MOST_CHARS: Final = 64_000
MOST_TURNS: Final = 64
MOST_CALLS: Final = 500
FILES: Final = ("chat_template.jinja", "chat_template.json", "tokenizer_config.json")
MARKS: Final = ("bos_token", "eos_token", "pad_token", "unk_token")
SIZES: Final = frozenset({"padding", "truncation", "max_length", "return_tensors", "restore_suffix"})
"""What sentence-transformers keeps beside the template's own arguments and does not hand to it."""
STAND_IN: Final = " \u2063stand-in\u2063 "
"""A text that no template holds; its spaces tell whether a template strips texts."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Text before and behind a content. ``special``: the tokenizer adds its marks; ``stripped``: texts are stripped."""

    before: str
    after: str
    special: bool = True
    stripped: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A chat template, and what it is called with besides the messages."""

    source: str
    given: Mapping[str, Any]

    @classmethod
    def read(cls, folder: CheckpointFolder) -> "Template":
        """From the first file that holds one, with the arguments that sentence-transformers keeps for it.

        Raises:
            ModelError: there is none, or it is too long.
        """
        source = _source(folder)
        if not source or len(source) > MOST_CHARS:
            raise ModelError(
                f"The model in {folder.path} has no chat template, or one of more than {MOST_CHARS} characters.",
                fix="Download the model again, with its chat_template.jinja.",
            )
        config = folder.maybe_json("tokenizer_config.json")
        marks = {name: _content(config[name]) for name in MARKS if config.get(name)}
        asked = (folder.maybe_json("sentence_bert_config.json").get("processing_kwargs") or {}).get("chat_template")
        return cls(source=source, given={**marks, **{k: v for k, v in (asked or {}).items() if k not in SIZES}})

    def around_text(self, prompt: str) -> Frame:
        """What stands around a text, with ``prompt`` for the system's message; none where it is empty.

        Raises:
            ModelError: the template fails, or does not show the text once.
        """
        rendered = self._rendered({"type": "text", "text": STAND_IN}, prompt)
        stripped = STAND_IN not in rendered
        return self._split(rendered, STAND_IN.strip() if stripped else STAND_IN, stripped=stripped)

    def around(self, kind: str, token: str, prompt: str) -> Frame:
        """What stands around a picture or a sound (``kind`` is ``image`` or ``audio``), which ``token`` stands for.

        Raises:
            ModelError: the template fails, or has no place for it.
        """
        return self._split(self._rendered({"type": kind, kind: "given"}, prompt), token)

    def _split(self, rendered: str, middle: str, *, stripped: bool = False) -> Frame:
        if rendered.count(middle) != 1:
            raise ModelError(
                f"The chat template shows what it is given {rendered.count(middle)} times.",
                fix="Download the model again; its chat template does not belong to it.",
            )
        before, _, after = rendered.partition(middle)
        start = self.given.get("bos_token")
        return Frame(before=before, after=after, special=not (start and rendered.startswith(start)), stripped=stripped)

    def _rendered(self, content: Mapping[str, str], prompt: str) -> str:
        system = [{"role": "system", "content": [{"type": "text", "text": prompt}]}] if prompt else []
        messages = [*system, {"role": "user", "content": [dict(content)]}]
        try:
            return str(_compiled(self.source).render(messages=messages, **self.given))
        except (ImportError, MissingExtra):
            raise
        except Exception as error:  # a template raises anything
            raise ModelError(
                f"The chat template cannot be used: {type(error).__name__}: {str(error)[:200]}.",
                fix="Download the model again.",
            ) from error


def system_prompts(folder: CheckpointFolder) -> tuple[str, str]:
    """What stands before passages and before queries: the prompts of these roles, else the one that is the default."""
    config = folder.maybe_json("config_sentence_transformers.json")
    prompts, default = dict(config.get("prompts") or {}), config.get("default_prompt_name")
    usual = prompts.get(default) if isinstance(default, str) else None
    passage = next((prompts[role] for role in ("document", "passage", "corpus") if prompts.get(role)), usual)
    return str(passage or ""), str(prompts.get("query") or usual or "")


def _source(folder: CheckpointFolder) -> str:
    for name in FILES:
        if not folder.has(name):
            continue
        if name.endswith(".jinja"):
            return folder.content(name).decode("utf-8")
        found = folder.json(name).get("chat_template")
        if isinstance(found, str):
            return found
    return ""


def _content(mark: object) -> str:
    return str(mark.get("content", "")) if isinstance(mark, Mapping) else str(mark)


def _bounded(values: Iterable[Any]) -> list[Any]:
    """What a loop goes over: a few things, and no text letter by letter.

    Raises:
        ValueError: there are more.
    """
    found = [] if isinstance(values, str) else list(values)
    if isinstance(values, str) or len(found) > MOST_TURNS:
        raise ValueError(f"a loop over a text, or of more than {MOST_TURNS} turns")
    return found


def _compiled(source: str) -> Any:
    """The template in its box.

    Raises:
        MissingExtra: Jinja is not installed.
    """
    try:
        from jinja2 import nodes
        from jinja2.ext import loopcontrols
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError:
        raise MissingExtra("A chat template needs Jinja.", fix="Run: pip install 'commonspace[hub]'") from None

    class Box(ImmutableSandboxedEnvironment):
        calls = 0
        intercepted_binops = frozenset({"*", "**"})

        def call(self, context: Any, called: Any, *args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls > MOST_CALLS:
                raise ValueError(f"more than {MOST_CALLS} calls")
            return super().call(context, called, *args, **kwargs)

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002
            raise ValueError(f"it multiplies ({operator})")

    def refuse(message: str) -> str:
        raise ValueError(message)

    box = Box(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    box.globals = {"namespace": box.globals["namespace"], "dict": dict, "raise_exception": refuse}
    box.filters["_bounded"] = _bounded
    tree = box.parse(source)
    for loop in tree.find_all(nodes.For):
        loop.iter = nodes.Filter(loop.iter, "_bounded", [], [], None, None, lineno=loop.lineno)
    return box.from_string(tree)
