"""Serves the imitations of GitHub and Google, unmodified, on free ports of loopback."""

import asyncio
import json
import socket

import uvicorn
from oauth_mocks.github.app import app as github
from oauth_mocks.google.app import app as google


def listening() -> socket.socket:
    """A socket on a free port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    return listener


async def main() -> None:
    apps = {"github": github, "google": google}
    listeners = {name: listening() for name in apps}
    servers = [
        (uvicorn.Server(uvicorn.Config(app, log_level="warning")), listeners[name])
        for name, app in apps.items()
    ]
    serving = [asyncio.create_task(server.serve(sockets=[at])) for server, at in servers]
    while not all(server.started for server, _ in servers):
        await asyncio.sleep(0.01)
    origins = {name: f"http://localhost:{at.getsockname()[1]}" for name, at in listeners.items()}
    print(json.dumps(origins), flush=True)
    await asyncio.gather(*serving)


asyncio.run(main())
