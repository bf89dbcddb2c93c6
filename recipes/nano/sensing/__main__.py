"""Make recordings, measure them, learn the sensor head and write the full-spectrum space (minutes on one core).

    python -m recipes.nano.sensing [--nano models/nano] [--out models/nano-full] [--recordings 48] [--seed 0]

Everything is drawn from the seed: the same call writes the same bytes on the same libraries.
"""

import argparse
from pathlib import Path

from commonspace.encode import catalog
from commonspace.ingest.decode import Plan
from recipes.nano.sensing.head import learn, lessons, said
from recipes.nano.sensing.recordings import CONCEPTS
from recipes.nano.sensing.space import write_space


def main() -> None:
    """Build the space's folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nano", type=Path, default=Path("models/nano"), help="the space to extend")
    parser.add_argument("--out", type=Path, default=Path("models/nano-full"), help="the folder to write")
    parser.add_argument("--recordings", type=int, default=48, help="of each concept, to learn from")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    targets = said(catalog.load(arguments.nano, Plan()), CONCEPTS)
    train = lessons(CONCEPTS, arguments.recordings, seed=arguments.seed, learned=True)
    valid = lessons(CONCEPTS, max(2, arguments.recordings // 6), seed=arguments.seed + 1, learned=True)
    head, scaling, strength = learn(train, valid, targets)
    facts = {"recordings": len(train.concepts), "seed": arguments.seed, "ridge strength": strength}
    write_space(arguments.out, arguments.nano, head, scaling, facts)
    print(f"{arguments.out}: {len(CONCEPTS)} concepts, {facts['recordings']} recordings, strength {strength:g}")


if __name__ == "__main__":
    main()
