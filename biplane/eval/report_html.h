#pragma once

#include <optional>
#include <string>

#include "biplane/imaging/html.h"

namespace biplane {

// Pieces of the reports' HTML.

// "0.913", "-" where there is none; with a sign: "+0.021".
std::string number_text(const std::optional<double>& value, int decimals = 3, bool sign = false);

// A part of a page. Title and lead are HTML; nothing where there is no content.
std::string html_section(const std::string& id, const std::string& title, const std::string& lead,
                         const std::string& content);

// Sums and versions, those that are not empty. Values are escaped here.
std::string html_hashes(const NamedTexts& values);

}  // namespace biplane
