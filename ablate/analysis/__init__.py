"""What results say: scores, effects, verdicts, ranks, claims. Reads and writes nothing."""

from .analyze import analyze
from .claims import ThresholdTest, judge_claims, threshold_test
from .compare import Comparison, compare
from .effects import Effect, effects, sign_flip_p
from .frames import EFFECTS, RANKING, SEED_SCORES, effects_frame, ranking_frame, seed_frame
from .noise import pairing_gain, pooled_noise_sd, seed_correlation, smallest_detectable
from .pairs import Pair, Side, compare_pairs, describe_pair
from .ranking import Place, best_variants, rank
from .scores import SCORES, curves, scores
from .types import (
    Analysis,
    CandidateScore,
    ClaimResult,
    ClaimVerdict,
    Confirmation,
    Confirmed,
    Edge,
    Failure,
    Flag,
    Interval,
    NuisanceAxis,
    Ranked,
    ReferenceResult,
    SeedScore,
    Tuned,
    Tuning,
    Verdict,
)
from .verdicts import Judgement, judge

__all__ = [
    "EFFECTS",
    "RANKING",
    "SCORES",
    "SEED_SCORES",
    "Analysis",
    "CandidateScore",
    "ClaimResult",
    "ClaimVerdict",
    "Comparison",
    "Confirmation",
    "Confirmed",
    "Edge",
    "Effect",
    "Failure",
    "Flag",
    "Interval",
    "Judgement",
    "NuisanceAxis",
    "Pair",
    "Place",
    "Ranked",
    "ReferenceResult",
    "SeedScore",
    "Side",
    "ThresholdTest",
    "Tuned",
    "Tuning",
    "Verdict",
    "analyze",
    "best_variants",
    "compare",
    "compare_pairs",
    "curves",
    "describe_pair",
    "effects",
    "effects_frame",
    "judge",
    "judge_claims",
    "pairing_gain",
    "pooled_noise_sd",
    "rank",
    "ranking_frame",
    "scores",
    "seed_correlation",
    "seed_frame",
    "sign_flip_p",
    "smallest_detectable",
    "threshold_test",
]
