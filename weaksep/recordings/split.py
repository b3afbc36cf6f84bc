"""Recordings into train, valid and test, so that each class is shared out as the recordings are.

Rare classes first, each recording to the set that still lacks most of that class: the iterative stratification of
Sechidis, Tsoumakas, Vlahavas, "On the Stratification of Multi-Label Data", ECML PKDD 2011. Theirs rounds the share of a
rare class to nothing; here a set without a class comes first, where the class has a recording for each set.
"""

from collections import Counter
from collections.abc import Mapping, Set

from weaksep.seeding import generator


def split(classes: Mapping[str, Set[str]], shares: Mapping[str, float], seed: int) -> dict[str, str]:
    """The set of every recording.

    Args:
        classes: recording -> the classes that occur in it.
        shares: set -> its share of the recordings; they add up to one.
        seed: recordings of a class are taken in an order drawn from it; the order of ``classes`` does not matter.

    Returns:
        recording -> set.
    """
    left = sorted(classes, key=lambda name: (generator(seed, "split", name).random(), name))
    counts = Counter(name for recording in left for name in classes[recording])
    wanted = {which: {name: share * counts[name] for name in counts} for which, share in shares.items()}
    room = {which: share * len(left) for which, share in shares.items()}
    sets = [which for which in shares if shares[which]]
    lacking = {which: {name for name in counts if counts[name] >= len(sets)} for which in sets}
    homes: dict[str, str] = {}

    def place(recording: str, home: str) -> None:
        homes[recording] = home
        room[home] -= 1
        lacking[home] -= classes[recording]
        for name in classes[recording]:
            wanted[home][name] -= 1

    while remaining := Counter(name for recording in left for name in classes[recording]):
        rarest = min(remaining, key=lambda name: (remaining[name], name))
        for recording in [recording for recording in left if rarest in classes[recording]]:
            first = {which: (rarest in lacking[which], len(lacking[which] & classes[recording])) for which in sets}
            place(recording, max(sets, key=lambda which: (first[which], wanted[which][rarest], room[which])))
        left = [recording for recording in left if recording not in homes]
    for recording in left:  # of no class
        place(recording, max(sets, key=lambda which: room[which]))
    return homes
