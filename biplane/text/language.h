#pragma once

#include <string>
#include <string_view>

namespace biplane {

// True where two names of languages mean one, whatever the region ("es" and "es-MX"), and where
// either is empty: nobody has said what it is.
bool same_language(std::string_view a, std::string_view b);

}  // namespace biplane
