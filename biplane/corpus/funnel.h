#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace biplane {

// One filter of a preparation: items in, items out, and why the others did not pass.
// Always in() == out() + sum of the reasons' counts; a stage has no other way to lose an item.
class FunnelStage {
 public:
  struct Reason {
    std::string name;
    std::int64_t count = 0;
    std::vector<std::string> examples;  // the first few
    bool bad = false;                   // counts against --max-bad
  };

  FunnelStage(std::string name, std::string unit)
      : name_(std::move(name)), unit_(std::move(unit)) {}

  void pass(std::int64_t count = 1) { out_ += count; }
  // An item left out as intended (an empty report, a row merged into a study already seen).
  void drop(const std::string& reason, const std::string& example) {
    count(reasons_, reason, example, false);
  }
  // An item lost because it is damaged or missing.
  void reject(const std::string& reason, const std::string& example) {
    count(reasons_, reason, example, true);
  }
  // Something about an item that stays: counted beside the sum.
  void note(const std::string& fact, const std::string& example) {
    count(notes_, fact, example, false);
  }

  const std::string& name() const { return name_; }
  const std::string& unit() const { return unit_; }
  std::int64_t in() const;
  std::int64_t out() const { return out_; }
  std::int64_t bad() const;
  const std::vector<Reason>& reasons() const { return reasons_; }
  const std::vector<Reason>& notes() const { return notes_; }

 private:
  static void count(std::vector<Reason>& counts, const std::string& name,
                    const std::string& example, bool bad);

  std::string name_, unit_;
  std::int64_t out_ = 0;
  std::vector<Reason> reasons_, notes_;
};

// Counts of every filter of a preparation, in order: the content of funnel.json.
class Funnel {
 public:
  // The stage of that name; made at the end when it does not exist. References stay valid.
  FunnelStage& stage(const std::string& name, const std::string& unit = "rows");
  const std::deque<FunnelStage>& stages() const { return stages_; }

  // Notes what was chosen (--split, --uncertain, ...), so that counts can be explained: "choices"
  // in the JSON, in order; a name given again gets the new value.
  void record(const std::string& name, const std::string& value);

  std::string json() const;
  std::string table() const;  // for people, one line a stage, one a reason and one a choice
  void write(const std::filesystem::path& path) const;  // atomic; throws Error kIo
  // Throws Error kBadContent when more than `max_fraction` of a stage's items were rejected, naming
  // the first example.
  void check_bad(double max_fraction) const;

 private:
  std::deque<FunnelStage> stages_;
  std::vector<std::pair<std::string, std::string>> choices_;
};

}  // namespace biplane
