# A link, an address or an account inside a text that leaves: nobody but somebody else's text, or nobody at all, named it.
package rules.links

escalate contains {"code": "provenance.untrusted", "reviewers": ["operators"], "arguments": doubtful} if {
	count(doubtful) > 0
}

doubtful contains path if {
	some path, origin in input.provenance
	endswith(path, "~links")
	origin in {"untrusted", "unknown"}
}
