//! Registry, alerts, blocks: the rules a city could state without computers. Pure.
