package build

// PluginPlatform returns an error where the plug-in cannot be built.
func PluginPlatform() error { return nil }
