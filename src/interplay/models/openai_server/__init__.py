"""OpenAI-compatible servers: OpenAI, vLLM, llama.cpp and the like."""

from interplay.models.openai_server.ledger import Ledger, Prices
from interplay.models.openai_server.server import OpenAIServer

__all__ = ["Ledger", "OpenAIServer", "Prices"]
