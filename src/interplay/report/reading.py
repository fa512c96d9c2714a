"""A summary as a person reads it: the words in their order, signs as words, what acts together."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from interplay.errors import BadInput
from interplay.numbers import Scale, count, duration, elide, percent
from interplay.report.action import Action, Unread
from interplay.report.actions import actions_of
from interplay.report.drawing import Drawing, drawing
from interplay.report.examples import ExamplesDrawing, examples_drawing
from interplay.report.network import NetworkDrawing, network_drawing
from interplay.report.phrases import Part, Piece, Row, cut, in_order
from interplay.spectrum import Spectrum
from interplay.surrogates.draws import Draws
from interplay.value_function import bare

FORMAT = "interplay.run"
LEVELS = 6
"""Shades on either side of nothing."""


@dataclass(frozen=True)
class Reading:
    """The one place that knows how a summary is put into words; HTML and terminal only lay it out.

    Parameters
    ----------
    summary
        what ``Explanation.to_dict()`` returns
    place
        which of its targets is read, from 0

    Raises
    ------
    BadInput
        where ``summary`` is not of the format ``interplay.run``, or lacks a part of it
    """

    summary: Mapping[str, Any]
    place: int = 0

    def __post_init__(self) -> None:
        if self.summary.get("format") != FORMAT:
            raise BadInput(
                f'this is not the summary of a run: its "format" is '
                f'{self.summary.get("format")!r} and should be "{FORMAT}"; '
                "pass what Explanation.to_dict() returns"
            )
        wanted = "targets subject features cost config notes sample versions created"
        missing = [key for key in wanted.split() if key not in self.summary]
        if not missing:
            wanted = "target trust faithfulness values fitted diagnostics energy main_effects top"
            missing = [key for key in wanted.split() if key not in self.found]
        if missing:
            raise BadInput(
                f"the summary of the run lacks {', '.join(missing)}; "
                "it was cut short or edited: run the explanation again"
            )

    @classmethod
    def each(cls, summary: Mapping[str, Any]) -> list[Reading]:
        """Return one reading for every target of a run."""
        first = cls(summary)
        return [first, *(cls(summary, place) for place in range(1, len(summary["targets"])))]

    @cached_property
    def found(self) -> Mapping[str, Any]:
        """What was found for the target that is read."""
        found: Mapping[str, Any] = self.summary["targets"][self.place]
        return found

    # ---- what is explained

    @cached_property
    def features(self) -> tuple[str, ...]:
        return tuple(str(name) for name in self.summary["features"])

    @cached_property
    def subject(self) -> Mapping[str, Any]:
        subject: Mapping[str, Any] = self.summary["subject"]
        return subject

    @cached_property
    def kind(self) -> str:
        """``"text"`` where the subject is a text that says where its units are; ``"image"`` where
        it is a picture that says where its regions are; ``"components"`` where it is a network that
        says where its parts are; ``"training_data"`` where it is a training set that says what its
        examples are; ``"callable"``.
        """
        if self.drawing is not None:
            return "image"
        if self.network is not None:
            return "components"
        if self.examples is not None:
            return "training_data"
        if self.subject.get("kind") != "text":
            return "callable"
        text, spans = self.subject.get("text"), self.subject.get("spans")
        if not isinstance(text, str) or spans is None or len(spans) != len(self.features):
            return "callable"
        return "text" if in_order(spans, len(text)) else "callable"

    @cached_property
    def drawing(self) -> Drawing | None:
        """What is drawn of an image; None for every other subject."""
        if self.subject.get("kind") != "image":
            return None
        found = drawing(self.subject, len(self.features))
        if found is None:
            return None
        caption, spans = str(self.subject.get("caption")), self.subject.get("spans") or []
        return found if in_order(spans, len(caption)) else None

    @cached_property
    def network(self) -> NetworkDrawing | None:
        """What is drawn of a network, with how its parts act; None for every other subject."""
        if self.subject.get("kind") != "components":
            return None
        return network_drawing(self.subject, self.spectrum)

    @cached_property
    def examples(self) -> ExamplesDrawing | None:
        """What is drawn of a training set, with its pairs; None for every other subject."""
        if self.subject.get("kind") != "training_data":
            return None
        return examples_drawing(self.subject, self.found, self.spectrum, self.features)

    @property
    def noun(self) -> str:
        """What one feature is called: ``"word"``, ``"sentence"``, ..., or ``"feature"``."""
        if self.subject.get("kind") == "image":  # its units say how many: "patches:4x4"
            return "feature" if self.subject.get("caption") else "region"
        units = str(self.subject.get("units") or "feature")
        return "part" if "+" in units else units  # some are words, the others sentences

    @property
    def target(self) -> str:
        return str(self.found["target"])

    @property
    def quantity(self) -> str:
        """What rises and falls, in a word or two: the target, or what is measured of it."""
        if self.examples is None:
            return self.target
        mean = "mean " if self.examples.tests > 1 else ""
        return f"the {mean}{self.subject.get('value') or 'value'}"

    @property
    def scored(self) -> str:
        """The target, with what is measured of it, or the response that it is about."""
        if self.examples is not None:
            return self.examples.measured_of(self.target)
        response = " ".join(str(self.subject.get("response") or "").split())
        names_its_own = ":" in self.target.removeprefix("logprob:mean")
        if not response or names_its_own:
            return self.target
        return f"{self.target} of “{elide(response, 80)}”"

    @property
    def title(self) -> str:
        """A short name of the subject, for the window and the list of files."""
        text = self.subject.get("text") or self.subject.get("name") or self.target
        return elide(str(text), 60)

    @cached_property
    def pieces(self) -> list[Piece]:
        """The text, cut at its units: the pieces joined are the text, character for character."""
        return cut(str(self.subject["text"]), self.subject["spans"], 0)

    @cached_property
    def words(self) -> list[Piece]:
        """The caption of an image, cut at its words, where they are features: after the regions."""
        spans = self.subject.get("spans") or []
        if self.drawing is None or not spans:
            return []
        return cut(str(self.subject["caption"]), spans, len(self.drawing.shapes))

    # ---- how far to trust it, and what it cost

    @property
    def verdict(self) -> str:
        return str(self.found["trust"]["verdict"])

    @property
    def sentence(self) -> str:
        return str(self.found["trust"]["sentence"])

    @property
    def calls(self) -> str:
        """Evaluations that were made, and those that were there already."""
        made, reused = int(self.summary["cost"]["calls"]), int(self.summary["cost"]["reused"])
        if not made:
            return f"no calls, {count(reused, 'evaluation')} at hand"
        words = count(made, "call")
        paid = self.paid
        words = f"{words} ({paid})" if paid else words
        return f"{words}, {count(reused, 'stored evaluation')} reused" if reused else words

    @property
    def paid(self) -> str:
        """Tokens and money that the calls cost, where somebody counted."""
        tokens, usd = self.summary["cost"].get("tokens"), self.summary["cost"].get("usd")
        parts = [] if tokens is None else [f"{tokens:,.0f} tokens"]
        if usd is not None:
            parts.append(f"{usd:,.4f} USD" if usd < 0.1 else f"{usd:,.2f} USD")
        return ", ".join(parts)

    @property
    def seconds(self) -> str:
        cost = self.summary["cost"]
        return (
            f"{duration(float(cost['model_seconds']))} in the model, "
            f"{duration(float(cost['fit_seconds']))} fitting"
        )

    @property
    def ends(self) -> str | None:
        """What the whole subject and the empty one score."""
        full, empty = self.found["values"].get("full"), self.found["values"].get("empty")
        if full is None or empty is None:
            return None
        scale = Scale.of([full, empty])
        return (
            f"{self.scored} is {scale.plain(full)} with every {self.noun} in place, "
            f"{scale.plain(empty)} with none"
        )

    @property
    def diagnostics(self) -> list[str]:
        """What else a reader should know; how far to trust the run is said elsewhere."""
        told = map(str, [*self.found["diagnostics"], *self.summary["notes"]])
        return [sentence for sentence in told if sentence != self.sentence]

    @cached_property
    def faithfulness(self) -> tuple[float, float, float] | None:
        """Value, low end and high end; None where it could not be measured."""
        measured = self.found["faithfulness"]
        value, low, high = (measured.get(key) for key in ("value", "low", "high"))
        if value is None or not math.isfinite(value):
            return None
        low = -math.inf if low is None else float(low)
        high = math.inf if high is None else float(high)
        return float(value), low, high

    @property
    def convergence(self) -> list[tuple[int, float, float, float]]:
        """Calls, and R² with its interval after so many; empty where nobody measured it."""
        found = []
        for point in self.found.get("convergence") or []:
            value, low, high = (point.get(key) for key in ("value", "low", "high"))
            if value is not None and math.isfinite(value):
                low, high = (-math.inf if low is None else low), (1.0 if high is None else high)
                found.append((int(point["calls"]), float(value), float(low), float(high)))
        return found

    @property
    def evidence(self) -> str:
        """The faithfulness and its interval, in words."""
        law = self.found["faithfulness"]["distribution"]
        if law == "exact" and self.faithfulness and self.faithfulness[1] == 1:
            return "Every mask was evaluated, so nothing is left to predict: R² is 1."
        if self.faithfulness is None:
            return "It could not be measured: there were too few masks to set some aside."
        value, low, high = self.faithfulness
        low_end = f"{low:.2f}" if math.isfinite(low) else "without a lower end"
        if law == "exact":
            return (
                "Every mask was evaluated, but the values have noise: "
                f"R² {value:.2f}, 90 % interval {low_end} to {high:.2f}."
            )
        return (
            f"R² on masks that the fit has not seen: {value:.2f}, "
            f"90 % interval {low_end} to {high:.2f} ({law} masks)."
        )

    # ---- the series behind it

    @cached_property
    def spectrum(self) -> Spectrum | None:
        """The series; None where the summary does not hold it."""
        stored = self.found.get("spectrum")
        return Spectrum.from_dict(stored, source="the run") if stored else None

    @cached_property
    def draws(self) -> Draws | None:
        """Joint draws of the coefficients of the series; None where the run has none."""
        stored = self.found.get("draws")
        if not stored or self.spectrum is None:
            return None
        try:
            return Draws.from_dict(stored, self.spectrum)
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"the run is damaged: {error}; run the explanation again") from error

    @property
    def residual(self) -> float | None:
        """How far the model strays from the spectrum, as a standard deviation over random masks.

        What R² leaves of the variance of the values, which is that of the spectrum over R².
        """
        if self.spectrum is None or self.faithfulness is None:
            return None
        share = self.faithfulness[0]
        if not 0 < share < 1:
            return None
        return math.sqrt(self.spectrum.variance * (1 - share) / share)

    # ---- single features

    @cached_property
    def main_effects(self) -> list[float]:
        return [float(effect) for effect in self.found["main_effects"]]

    @cached_property
    def scale(self) -> Scale:
        """How every effect and interaction of this run is written."""
        return Scale.of([*self.main_effects, *(float(row["value"]) for row in self.found["top"])])

    @cached_property
    def largest_effect(self) -> float:
        return max((abs(effect) for effect in self.main_effects), default=0.0)

    def level(self, feature: int) -> int:
        """The shade of a feature: 1 to 6 where it raises the target, -1 to -6 where it lowers it.

        It grows with the effect to the power 2/3: a few words carry most of the weight, and on a
        linear scale all others would look like nothing.
        """
        effect = self.main_effects[feature]
        if not self.largest_effect:
            return 0
        depth = round(LEVELS * math.pow(abs(effect) / self.largest_effect, 2 / 3))
        return depth if effect > 0 else -depth

    def effect_at(self, level: int) -> str:
        """The effect that the shade ``level`` stands for, for the legend."""
        return self.scale.signed(
            math.copysign(abs(level / LEVELS) ** 1.5, level) * self.largest_effect
        )

    def strongest(self, sign: int, k: int) -> list[int]:
        """The k features that raise (``sign`` 1) or lower (-1) the target most, strongest first."""
        signed = [(-sign * effect, i) for i, effect in enumerate(self.main_effects)]
        return [i for key, i in sorted(signed)[:k] if key < 0]

    # ---- what acts together

    @cached_property
    def rows(self) -> list[Row]:
        """The listed terms of every order, strongest first."""
        return [self.row(term) for term in self.found["top"]]

    @cached_property
    def together(self) -> list[Row]:
        """The interactions: listed terms of two features or more that do not round to nothing."""
        return [row for row in self.rows if row.order >= 2 and re.search("[1-9]", row.signed)]

    @property
    def no_interval(self) -> str:
        """What stands where an interval would."""
        exact = self.found["faithfulness"]["distribution"] == "exact"
        return "exact" if exact else "no error bar"

    @property
    def nothing_together(self) -> str:
        """What it means that no interaction was found: little, where the fit predicts little."""
        exact = self.found["faithfulness"]["distribution"] == "exact"
        if exact and self.verdict == "trust":
            return f"No combination was found: the effects of the {self.noun}s add up."
        if self.verdict == "do not trust" or self.faithfulness is None:
            return (
                "No combination was found. That does not mean that there is none: "
                "this explanation is not to be trusted."
            )
        told = f"No combination was found: the effects of the {self.noun}s add up"
        share = self.faithfulness[0]
        if share >= 0.995:
            return f"{told}."
        return (
            f"{told} to a prediction of {percent(share)} of the variation. The rest is not known."
        )

    def row(self, term: Mapping[str, Any]) -> Row:
        """Put one term of the form of ``summary["top"]`` into words."""
        features = tuple(sorted(int(i) for i in term["features"]))
        value, low, high = float(term["value"]), term.get("low"), term.get("high")
        signed, interval = self.scale.signed(value), self.scale.between(low, high)
        share = float(term.get("share") or 0.0)
        return Row(features, self.phrase(features), value, low, high, share, signed, interval)

    @cached_property
    def energy(self) -> list[tuple[int, float, str]]:
        """Order, share of the variance, and the share in words; lowest order first."""
        shares = sorted((int(order), float(share)) for order, share in self.found["energy"].items())
        return [(order, share, percent(share)) for order, share in shares]

    @cached_property
    def occurrences(self) -> list[int]:
        """For each feature 1, 2, ... where several have its name; 0 where it is the only one."""
        names = [self.name(i).casefold() for i in range(len(self.features))]
        total, seen = Counter(names), Counter[str]()
        seen_at = []
        for name in names:
            seen[name] += 1
            seen_at.append(seen[name] if total[name] > 1 else 0)
        return seen_at

    def phrase(self, features: Sequence[int]) -> tuple[Part, ...]:
        """The names of ``features`` in the order of the text, with what stands between them.

        Neighbours keep the text between them; others are joined by an ellipsis. Features that have
        no order are joined by a multiplication sign.
        """
        parts: list[Part] = []
        for feature in sorted(features):
            if not parts:
                gap = ""
            elif self.kind != "text":
                gap = " × "
            elif feature == parts[-1].feature + 1:
                spans = self.subject["spans"]
                between = str(self.subject["text"])[spans[feature - 1][1] : spans[feature][0]]
                gap = re.sub(r"\s+", " ", between)
            else:
                gap = " … "
            if gap == " … ":
                parts[-1] = replace(parts[-1], name=self.name(parts[-1].feature))
            parts.append(Part(feature, gap, self.features[feature], self.occurrences[feature]))
        if parts:
            parts[-1] = replace(parts[-1], name=self.name(parts[-1].feature))
        return tuple(parts)

    def name(self, feature: int) -> str:
        """The name of a feature that stands alone: a word without the punctuation around it."""
        name = self.features[feature]
        return bare(name) if self.noun == "word" else name

    # ---- what was done about it

    @cached_property
    def actions(self) -> list[Action | Unread]:
        """Results of flip, prune, select and counterfactuals that the run holds."""
        return actions_of(self)

    # ---- how it was made

    @property
    def command(self) -> str | None:
        command = self.summary["config"].get("command")
        return str(command) if command else None

    @property
    def sampled(self) -> str:
        """How many masks were evaluated, of which law, how often."""
        sample = self.summary["sample"]
        law, often = sample["design"], int(sample["replicates"])
        words = (
            f"{int(sample['masks']):,} {law}"
            if law != "complete"
            else (f"all {int(sample['masks']):,}")
        )
        return f"{words}, each {often} times" if often > 1 else words

    @property
    def configuration(self) -> list[tuple[str, str]]:
        """Everything that was set or chosen, as name and value."""
        config, subject = self.summary["config"], self.subject
        method = str(config.get("method"))
        fitted = self.found["fitted"]
        rows: list[tuple[str, Any]] = [
            (f"{self.noun}s", f"{len(self.features):,}"),
            ("masks", self.sampled),
            ("target", self.target),
            ("response", self.subject.get("response")),
            ("value function", subject.get("name")),
            ("model", subject.get("model")),
            ("units", subject.get("units") if self.kind == "image" else None),
            ("captions", " · ".join(map(str, subject.get("captions") or []))),
            (f"ablated {self.noun}s become", subject.get("mask")),
            *(self.network.configuration if self.network else ()),
            *(self.examples.configuration if self.examples else ()),
            ("budget", config.get("budget")),
            (
                "method",
                f"{method}, which chose {fitted}" if fitted not in (None, method) else method,
            ),
            ("seed", config.get("seed")),
            ("store", config.get("store") or "none"),
            ("fingerprint", config.get("fingerprint")),
            ("made", self.summary["created"]),
            ("versions", ", ".join(f"{k} {v}" for k, v in self.summary["versions"].items())),
        ]
        return [(name, str(value)) for name, value in rows if value not in (None, "")]
