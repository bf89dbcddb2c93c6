"""The service that one would write in an afternoon: sentence-transformers behind FastAPI, in the shape of OpenAI's.

    python plain_serving.py --model FOLDER --port 8000

The rival in ``benchmarks.serving``; it knows nothing of the rest of this repository and runs in an environment of its
own. Each request is encoded in a thread, as FastAPI's documentation advises for blocking work. Strings are texts, and
data URIs are pictures where the model takes pictures.
"""

import argparse
import io
from base64 import b64decode, b64encode
from typing import Annotated, Any, Literal

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

__all__ = ["Question", "build"]


class Question(BaseModel):
    """The body of a request."""

    input: str | Annotated[list[str], Field(min_length=1)]
    model: str = ""
    encoding_format: Literal["float", "base64"] = "float"


def build(model: Any) -> FastAPI:
    """The application around anything that has ``encode``."""
    app = FastAPI()

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/v1/embeddings")
    async def embeddings(question: Question) -> dict[str, Any]:
        inputs = [question.input] if isinstance(question.input, str) else question.input
        vectors = await run_in_threadpool(encode, inputs)
        rows = [
            {"object": "embedding", "index": place, "embedding": written(vector, question.encoding_format)}
            for place, vector in enumerate(vectors)
        ]
        return {"object": "list", "data": rows, "model": question.model}

    def encode(inputs: list[str]) -> Any:
        return model.encode([read(each) for each in inputs], normalize_embeddings=True, show_progress_bar=False)

    return app


def read(value: str) -> Any:
    """A picture out of a data URI; other strings as they are."""
    from PIL import Image

    if not value.startswith("data:image/"):
        return value
    return Image.open(io.BytesIO(b64decode(value.partition(",")[2]))).convert("RGB")


def written(vector: Any, encoding: str) -> str | list[float]:
    """A vector as it stands in the answer."""
    return b64encode(vector.tobytes()).decode("ascii") if encoding == "base64" else vector.tolist()


def main() -> None:
    """Load the model and serve it."""
    import uvicorn
    from sentence_transformers import SentenceTransformer

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of the model")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    app = build(SentenceTransformer(arguments.model, device="cpu"))
    uvicorn.run(app, host="127.0.0.1", port=arguments.port, log_level="warning")


if __name__ == "__main__":
    main()
