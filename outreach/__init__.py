"""Outreach: messages in, receipts out. One file a channel; nothing here knows the engine or the detectors."""
