#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace biplane {

// What is measured of a model where no tasks are named: those of `usual` that are not of heads, and
// that of the head which biplane finetune gave the model. Throws Error as read_task().
std::vector<std::string> tasks_of_model(const std::filesystem::path& model,
                                        const std::vector<std::string>& usual);

}  // namespace biplane
