package plugin

// pluginPlatform returns an error where the plug-in cannot be built.
func pluginPlatform() error { return nil }
