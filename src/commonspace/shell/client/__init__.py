"""A typed client of the service, blocking or awaited."""

from commonspace.shell.client.client import AsyncClient, Client
from commonspace.shell.client.embeddings import Embeddings, Receipt
from commonspace.shell.client.filling import Entry, Kept, Near
from commonspace.shell.client.packing import Bounds
from commonspace.shell.client.patience import Patience

__all__ = ["AsyncClient", "Bounds", "Client", "Embeddings", "Entry", "Kept", "Near", "Patience", "Receipt"]
