#include "biplane/corpus/pack_shard.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/parallel.h"
#include "biplane/core/progress.h"
#include "biplane/core/sha256.h"
#include "biplane/corpus/pack_study.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

std::string dump(const ordered_json& json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

// Writes the studies of a shard into its tar file and notes down where they are.
class ShardWriter {
 public:
  ShardWriter(const ShardPlan& plan, const ShardJob& job) : plan_(plan), job_(job) {}

  // Some studies at a time, read on several threads and written in order.
  void write(std::ostream& stream) {
    TarWriter tar(stream);
    const std::size_t chunk = 8 * static_cast<std::size_t>(job_.threads);
    for (std::size_t begin = 0; begin < plan_.studies.size() && stream; begin += chunk) {
      std::vector<PreparedStudy> studies(std::min(chunk, plan_.studies.size() - begin));
      parallel_for(static_cast<std::int64_t>(studies.size()), job_.threads, [&](std::int64_t i) {
        const auto at = static_cast<std::size_t>(i);
        studies[at] = prepare_study(job_.manifest, plan_.studies[begin + at], job_.form);
        if (job_.progress != nullptr) job_.progress->advance();
      });
      for (std::size_t i = 0; i < studies.size() && stream; ++i)
        add(studies[i], plan_.studies[begin + i], tar);
    }
    tar.finish();
  }

  std::string index(const fs::path& shard) const {
    std::string text = dump({{"format", 1},
                             {"pack", job_.pack},
                             {"shard", plan_.name()},
                             {"bytes", fs::file_size(shard)},
                             {"sha256", sha256_file(shard)},
                             {"planned", plan_.studies.size()},
                             {"images", images_}});
    ordered_json lost = ordered_json::array();
    for (const LostImage& image : lost_) lost.push_back({image.reason, image.example});
    text += dump({{"lost", lost}, {"studies_lost", studies_lost_}});
    return text + studies_;
  }

 private:
  void add(PreparedStudy& prepared, std::int64_t place, TarWriter& tar) {
    std::move(prepared.lost.begin(), prepared.lost.end(), std::back_inserter(lost_));
    if (prepared.images.empty()) {
      studies_lost_.push_back("study " + prepared.study.study_id);
      return;
    }
    ordered_json members = ordered_json::array();
    const auto put = [&](const std::string& name, std::string_view content) {
      const TarMember member = tar.add(name, content);
      members.push_back({{"name", name}, {"offset", member.offset}, {"length", member.length}});
      return member.offset;
    };
    for (std::size_t i = 0; i < prepared.images.size(); ++i) {
      const PackedImage& image = prepared.images[i];
      prepared.study.views[i].stored.offset = put(image.name, image.bytes);
      members.back()["source"] = image.source;
      ++images_;
    }
    put(prepared.key + ".json", study_to_json(prepared.study));
    put(prepared.key + ".txt", prepared.study.report.text);
    studies_ += dump({{"study", place}, {"members", members}});
  }

  const ShardPlan& plan_;
  const ShardJob& job_;
  std::int64_t images_ = 0;
  std::vector<LostImage> lost_;
  std::vector<std::string> studies_lost_;
  std::string studies_;  // lines of the index
};

void read_head(const ordered_json& line, ShardIndex& index) {
  index.pack = line.at("pack");
  index.shard = line.at("shard");
  index.sha256 = line.at("sha256");
  index.bytes = line.at("bytes");
  index.planned = line.at("planned");
  index.images = line.at("images");
}

void read_losses(const ordered_json& line, ShardIndex& index) {
  for (const auto& image : line.at("lost")) index.lost.push_back({image.at(0), image.at(1)});
  index.studies_lost = line.at("studies_lost").get<std::vector<std::string>>();
}

void read_study(const ordered_json& line, ShardIndex& index) {
  PackedStudy study{line.at("study"), {}};
  for (const auto& entry : line.at("members")) {
    TarMember member{entry.at("name"), entry.at("offset"), entry.at("length")};
    if (member.offset < 0 || member.length < 0 || member.offset > index.bytes ||
        member.length > index.bytes - member.offset)
      throw Error(ErrorKind::kBadContent, "a member of study " + std::to_string(study.place) +
                                              " lies outside of the shard");
    study.members.push_back(std::move(member));
  }
  index.studies.push_back(std::move(study));
}

}  // namespace

void write_shard(const ShardPlan& plan, const ShardJob& job) {
  const fs::path shard = job.out / plan.name();
  make_folder(shard.parent_path());
  ShardWriter writer(plan, job);
  write_file_atomically(shard, [&](std::ostream& stream) { writer.write(stream); });
  write_file_atomically(job.out / plan.index_name(), writer.index(shard));
}

ShardIndex read_shard_index(const fs::path& path) {
  std::istringstream lines(read_file(path));
  ShardIndex index;
  std::string line;
  std::int64_t row = 0;
  try {
    while (std::getline(lines, line)) {
      ++row;
      const ordered_json json = ordered_json::parse(line);
      if (row == 1) read_head(json, index);
      if (row == 2) read_losses(json, index);
      if (row > 2) read_study(json, index);
    }
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kBadContent, path.string() + ": row " + std::to_string(row) +
                                            " is no line of a shard's index: " + error.what());
  }
  if (row < 2) throw Error(ErrorKind::kBadContent, path.string() + ": is cut");
  return index;
}

bool is_finished(const fs::path& out, const ShardFiles& files, const std::string& pack, bool hash) {
  const fs::path shard = out / files.shard;
  std::error_code error;
  const auto bytes = fs::file_size(shard, error);
  if (error || !fs::exists(out / files.index)) return false;
  try {
    const ShardIndex index = read_shard_index(out / files.index);
    return index.pack == pack && index.shard == files.shard &&
           index.bytes == static_cast<std::int64_t>(bytes) &&
           (!hash || index.sha256 == sha256_file(shard));
  } catch (const Error& damaged) {
    if (damaged.kind() != ErrorKind::kBadContent) throw;
    return false;
  }
}

}  // namespace biplane
