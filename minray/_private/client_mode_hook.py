"""`ray._private.client_mode_hook`: whether the driver is on another machine, which it never is here."""

is_client_mode_enabled = False
