#pragma once

#include <gtest/gtest.h>

#include <string>

#include "biplane/core/error.h"
#include "biplane/phantom/phantom.h"

namespace biplane::testing {

// What check_phantom says against the options, a usage error; empty where it takes them.
inline std::string refusal(const PhantomOptions& options) {
  try {
    check_phantom(options);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "";
}

}  // namespace biplane::testing
