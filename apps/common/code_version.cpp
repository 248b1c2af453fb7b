#include "apps/common/code_version.h"

#include "commit.h"  // made at build time

namespace biplane::cli {

const char* code_version() { return BIPLANE_VERSION " " BIPLANE_COMMIT; }

}  // namespace biplane::cli
