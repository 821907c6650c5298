"""What results say: scores, effects, verdicts, ranks, claims. Reads and writes nothing."""

from .analyze import analyze
from .claims import ThresholdTest, judge_claims, threshold_test
from .compare import Comparison, compare
from .effects import Effect, effects, sign_flip_p
from .noise import pairing_gain, pooled_noise_sd, seed_correlation, smallest_detectable
from .ranking import Place, rank
from .scores import SCORES, curves, scores
from .types import (
    Analysis,
    ClaimResult,
    ClaimVerdict,
    Failure,
    Flag,
    Interval,
    Ranked,
    ReferenceResult,
    SeedScore,
    Verdict,
)
from .verdicts import Judgement, judge

__all__ = [
    "SCORES",
    "Analysis",
    "ClaimResult",
    "ClaimVerdict",
    "Comparison",
    "Effect",
    "Failure",
    "Flag",
    "Interval",
    "Judgement",
    "Place",
    "Ranked",
    "ReferenceResult",
    "SeedScore",
    "ThresholdTest",
    "Verdict",
    "analyze",
    "compare",
    "curves",
    "effects",
    "judge",
    "judge_claims",
    "pairing_gain",
    "pooled_noise_sd",
    "rank",
    "scores",
    "seed_correlation",
    "sign_flip_p",
    "smallest_detectable",
    "threshold_test",
]
