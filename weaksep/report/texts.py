"""What the tables' columns mean, by the tables' keys; an empty line parts paragraphs."""

from weaksep.metrics.bootstrap import FEWEST_GROUPS
from weaksep.metrics.leak import LEAK_FLOOR_DB
from weaksep.metrics.si_sdr import CEILING_DB, FLOOR_DB

MEASURE = f"""\
SI-SDRi is the scale-invariant signal-to-distortion ratio (SI-SDR) of a separated class minus that of the unprocessed
mixture, in dB; higher is better. It is taken over every pair of a mixture and a class active in it, in mixtures with
two or more active classes. A class that a system misses altogether counts with a large negative value, which pulls the
mean far down and hardly moves the median: so this page has means and medians. The 95 % interval is of the mean, by a
bootstrap that resamples {{}}; of fewer than {FEWEST_GROUPS} there is none. SI-SDR is held between {FLOOR_DB:g} and
{CEILING_DB:g} dB."""
LABELS = """\
Trained from: "clip" is the classes that occur somewhere in the clip, "frame" the times at which they are active,
"strong" the isolated sources. The oracles compute their masks from the true sources and show how far masks can go; they
reach the upper end of SI-SDR where classes never sound at once."""
STEPS = """\
Steps are those of the training: a row with fewer had a smaller budget, and is to be compared with rows of about as
many."""
ALONG = "A row with the name of a system is the classifier that was trained along with it."
TEMPERATURE = """\
Temperature: of the masks, chosen after the training on remixed validation clips, of which only labels are known; above
1 the masks are softer than the net left them."""

END = """\
All figures of this page, with more digits, are in results.json beside it; `weaksep report --from results.json` makes
the page again. The run itself leaves the tables as CSV and LaTeX too, figures, and a page to listen to (report/ in the
folder of its experiments)."""

_WORSE = """\
Share of the pairs of mixture and class whose SI-SDRi is below 0 dB, so that the mixture itself would have been the
better guess: of all, and by {of}. Such targets were missed or mistaken for another class; each counts with a large
negative value, and so they decide much of a mean."""

TEXTS = {
    "all_systems": """\
Every system that was scored; the next table says what the variants are and what difference they make.""",
    "parts": f"""\
Difference: mean SI-SDRi of the system minus that of the system it is compared with, over the pairs of mixture and class
that both have; positive means that the system of this row is better. Interval (95 %) and p (two-sided) are of a paired
bootstrap that resamples {{}}; of fewer than {FEWEST_GROUPS} there are none. They are not corrected for the number of
rows: where nothing differs, one row in twenty has a p below 0.05 all the same. Another seed of the training would
change things too, which they do not know of.""",
    "seeds": """\
Trainings that differ in their seed alone (of the first weights, of the order of the clips and of what is drawn for
them): the mean SI-SDRi of each, their mean and their standard deviation. Differences between systems that are not
larger than this are chance.""",
    "by_overlap": "Overlap: share of the class's active frames in which another class is active too.",
    "by_input_si_sdr": """\
By the SI-SDR of the unprocessed mixture: how strong the class is in its mixture before anything is done. The weaker it
is, the more there is to gain.""",
    "worse_by_class": _WORSE.format(of="class"),
    "worse_by_input_si_sdr": _WORSE.format(of="SI-SDR of the mixture"),
    "worse_found_in": """\
The same targets, by their dominant output, the one that holds most of the target: its own, which then holds more of
something else too; that of another class active in the mixture, so that two classes were mistaken for each other; or
that of an absent class.""",
    "single": f"""\
With one active class the mixture is the reference already, so there is nothing to improve: the figure is SI-SDR itself
and says how much a system spoils what needed no separating; at {CEILING_DB:g} dB, nothing. Leak is the energy of the
output of a class that is absent, relative to the mixture; lower is better. Its floor, silence at 16 bits, is
{LEAK_FLOOR_DB:g} dB.""",
    "levels": f"""\
Error: level of the output of a class minus that of its reference, both over the whole clip, in dB; positive means too
loud. The median of its size, and its mean, which is the bias: of all pairs of a mixture and a class that sounds in it,
and by the level of the class relative to the mixture (0 dB: as loud as the mixture, as a class alone
is). Levels are of the root mean square, without A-weighting, and of what the sample rate holds. An output of
nothing counts as {LEAK_FLOOR_DB:g} dB relative to the mixture. The row "unprocessed", where there is one, gives every
class the level of the mixture. A right level does not say that the right sound was found: an output may have lost some
of its class and kept as much of another.""",
    "confidence": """\
The mean of a mask over the energy of its output: 1 where all that came through was given to that class alone, 1/2 where
every bin was shared half and half, less where little of what came through was given to it. It needs no reference
(`confidence.tsv` beside separated files). The table says what it is worth: its rank correlation with SI-SDR over the
classes of mixtures of two or more, and the mean SI-SDR of what stays when the least confident tenth is withheld;
withholding the worst tenth, which takes references, is the limit.""",
    "backgrounds": """\
Every test set, with the levels of the sound of no class under its mixtures; a class and a background are a mixture too.
SI-SDRi of the residual is that of the residual output, against the background. Leak is as above; false activity is the
share of absent classes whose output holds a tenth of the mixture's energy or more.""",
    "bss_eval": """\
BSS eval of the separated classes, in mixtures of two or more: SDR counts all that is wrong, SIR what is left of the
other classes, SAR what the separation has added. Unlike SI-SDR they forgive any short filter, so that they are higher.
They are values, not improvements.""",
    "alike": """\
In {alike} of {clips} clips with two or more active classes the outputs of these classes are the mixture itself, at
another level (correlation above {threshold}).""",
    "no_gain": """\
In its sources the evaluation classifier hears the classes no better than in the mixture divided by the number of
outputs (gain {:.3f} to {:.3f}, a 95 % interval over {} recordings).""",
    "no_op": """\
`{0}` is a no-op on `{1}`: nothing shows that it separates anything. {2} Its figures are worth no more than those of the
mixture.""",
    "hottest": """\
The masks of `{0}` have temperature {1:g}, the highest that was tried: the flatter they were, the better they did on
validation clips. It has learnt little that holds for recordings it has not heard: train for longer, or on more of
them.""",
    "coldest": """\
The masks of `{0}` have temperature {1:g}, the lowest that was tried: harder ones might do better still.""",
    "behind": """\
Behind the intervals: {:,} test clips of {:,} recordings ({}).""",
    "recordings": """\
The 95 % interval is by a bootstrap that resamples recordings, those of mixtures class by class; a mixture counts as the
product of how often each of its recordings was drawn. So it is about other recordings of the same classes, and too wide
rather than too narrow, the more so the more recordings a mixture has.""",
    "whole mixtures": """\
Clips that were cut from one recording are drawn together; how much recordings other than these would change, no
interval knows.""",
    "baselines": f"""\
Three rows separate nothing: in "unprocessed", where there is one, every output is the mixture; in "mixture / outputs"
it is the mixture divided by the number of outputs; in "random masks" the masks are noise. Energies fall when a mixture
is merely divided, so that a figure is an achievement, and may be the best of its column, only where it beats "mixture /
outputs". Gain: own class minus other class, less the same of "mixture / outputs", mean over clips; an interval (95 %)
that is not above zero means that nothing shows any separation. No gain is given of fewer than {FEWEST_GROUPS}
recordings, too few for an interval, nor of "unprocessed", whose outputs are louder: a classifier may hear a class the
better for it.""",
    "gap": """\
Gap: mean SI-SDRi on `{name}` minus that on `{main}`. Where `{name}` is made of the recordings that the systems were
trained on (`recordings: train` in mix.yaml), the gap is what they have memorised and cannot carry over to recordings
never heard. The two hold different mixtures, one of which may be the easier: the gap of the oracles is that and no
more.""",
    "classifiers": """\
F pools the counts of all classes (micro) at a probability of 0.5, over frames, clips or events; an event counts as
found when it begins within 0.2 s of the true one and ends within 0.2 s or a fifth of its length. mAP is the mean over
classes of the average precision of clips. PSDS 1 and 2 are the polyphonic sound detection scores of the two scenarios
of DCASE, over all thresholds: the first wants exact times, the second rather the right class. All are between 0 and 1;
higher is better.""",
    "sources": """\
One classifier, the evaluation classifier, is given the separated sources of all systems: what it says of class k in the
source of class k is taken for the system's detection of class k. How it does on the mixtures themselves is in the table
of classifiers; the row "unprocessed", where there is one, gives every class the whole mixture.""",
    "agreement": """\
What weak labels alone can say of separated sources; no reference is needed. Own class: the probability that the
evaluation classifier gives a class in its own source, over the classes that occur in each clip; other class: that of
the other class that it hears most there; first choice: how often it hears the own one most. The rest are shares of the
mixtures' energy, mean over clips: in the sources of classes that do not occur; in those of classes that do, outside
their labelled events (of clips with the times of events); in the residual output of a net that has one; in the mixture
minus all outputs. A share stands at 1 where there is more energy than in the mixture, as in the sources of
"unprocessed", each of which is the whole mixture. A source may look right here and be wrong, so these stand beside
SI-SDRi and not in its place.""",
    "training": """\
Classifier: which one assesses the sources of a weak system in training; "joint" is trained along with it. Best
epoch: the one whose weights are used, that of the smallest validation loss or, where the configuration says `keep:
last`, the last.""",
    "time": """\
The latest run of each stage that had something to do. Trainings run side by side; a stage that went on after an
interruption shows the seconds of its last part only, and the whole of each training is in the table of trainings.""",
}
