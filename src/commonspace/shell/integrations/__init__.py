"""What other projects' frameworks take for one of theirs: LangChain, LlamaIndex, Haystack; each needs its extra."""
