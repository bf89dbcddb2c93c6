"""The recipe of the embedded space's audio tower: free sounds, a tagger's opinion of them, a student."""
