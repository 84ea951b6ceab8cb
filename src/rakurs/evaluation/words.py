"""What reports say of the measures, whatever was measured."""

from __future__ import annotations

from rakurs.evaluation.localisation import THRESHOLD
from rakurs.evaluation.subgroups import RULE

SCORES = (
    "AUROC: how often a study with the finding is ranked above one without. AUPRC: precision, on average over the "
    "recalls; chance gives the share of positives. ECE: how far probabilities lie from frequencies. Brier: the mean "
    "squared error of the probabilities. In brackets: 95 % intervals."
)
POINTS = (
    "Thresholds were measured on other studies, as measured.json of the pack says. How often a call is right depends "
    "on how frequent the finding is here. 95 % Wilson intervals, widened where patients have several studies."
)
RELIABILITY = (
    "Reliability: in bins of equally many studies, what was said (across) and what came true (up); on the diagonal "
    "both agree. Bars are 95 % intervals. Panels differ in scale."
)
CONFUSION = "Rows: what it is; columns: what was answered. A row's cells add up to its studies."
VIEWS = (
    "On the {studies} studies that have every view. Mean: of the views' probabilities; product: of them; fused: the "
    "sum of calibrated logits with weights from validation. Saved: how much less error, paired by patient."
)
GROUPS = RULE
GROUPS_OF_LABELS = (
    "Empty where there are too few of a class. The intervals stand in subgroups.csv; single labels of small groups "
    "differ by chance."
)
LOCATED = (
    "Pointing game: whether the map's highest point lies in a box. IoBB: which share of the map's region (at least "
    f"{THRESHOLD:.0%} of its maximum) lies in the boxes. IoU: what region and boxes share of their union. Random: the "
    "same map moved to every other place. Centre: the image's centre, and a region of the same size around it. {empty} "
    "maps were empty, and count as misses."
)
METHODS = (
    "All answers come from the ONNX files, by the code that reads films. Intervals of areas hold 95 % of {samples:,} "
    "bootstrap resamples of whole patients (percentile; Efron and Tibshirani 1993), the same for every label and "
    "reader. AUROC is the Mann-Whitney statistic (Hanley and McNeil 1982), AUPRC average precision without "
    "interpolation (Davis and Goadrich 2006), both exact with ties.",
    "ECE takes 15 bins of equally many studies (Nixon et al. 2019); a perfect reader does not reach 0 on few studies. "
    "Heat maps are Grad-CAM (Selvaraju et al. 2017), mapped back to the original image.",
    "Not measurable means that one of the two classes is missing.",
)
COMPARED = (
    "Differences are paired: in each of {samples:,} bootstrap resamples of patients, the same for all, the second "
    "reader's area minus the first's; the interval holds 95 % of them (percentile). For AUROC of a label p is that of "
    "DeLong, DeLong and Clarke-Pearson (1988), in the fast form of Sun and Xu (2014), which takes studies as "
    "independent; for all else it is twice the bootstrap's smaller tail.",
    "A difference holds where the interval excludes 0 and p, corrected for the number of labels (Holm 1979, within "
    "each pair of readers and each measure), is under 0.05. The mean over the labels is one question and is not "
    "corrected. No difference shown is not the same as shown to be equal.",
)
