package atomicfile

import "os"

// linkNew is renameNew by a hard link.
func linkNew(from, to string) error {
	if err := os.Link(from, to); err != nil {
		if os.IsExist(err) {
			return err
		}
		return claimNew(from, to)
	}
	return os.Remove(from)
}

// claimNew is renameNew for file systems without hard links, such as FAT. It reserves the name with an empty file.
func claimNew(from, to string) error {
	claim, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer claim.Close()
	if err := os.Rename(from, to); err != nil {
		if isAt(claim, to) {
			os.Remove(to)
		}
		return err
	}
	return nil
}
