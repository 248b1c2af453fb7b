#pragma once

#include <string>
#include <vector>

#include "biplane/corpus/corpora/dicom_files.h"

namespace biplane {

// Names that stand for identifiers: the first 32 digits of the SHA-256 of salt, line feed and
// identifier. With the same salt the same identifier has the same name in every export; without it
// nobody can find out an identifier by trying.
class Pseudonyms {
 public:
  // An empty salt: the SHA-256 of all study and instance UIDs of the images, which only those know
  // who have the export; names are then of this export only.
  Pseudonyms(const std::string& salt, const std::vector<PacsImage>& images);

  std::string name(const std::string& identifier) const;

 private:
  std::string salt_;
};

}  // namespace biplane
