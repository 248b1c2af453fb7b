#include "biplane/imaging/dicom.h"

#include <dcmtk/config/osconfig.h>
// osconfig.h has to come first.
#include <dcmtk/dcmdata/dcdatset.h>
#include <dcmtk/dcmdata/dcdict.h>
#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcuid.h>
#include <dcmtk/dcmdata/dcxfer.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <mutex>

#include "biplane/core/error.h"
#include "biplane/imaging/dicom_dataset.h"
#include "biplane/imaging/dicom_display.h"

namespace biplane {
namespace {

// Registers the decoders and silences DCMTK, once a process.
void prepare_dcmtk() {
  static std::once_flag once;
  std::call_once(once, [] {
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    DJDecoderRegistration::registerCodecs();
    DJLSDecoderRegistration::registerCodecs();
  });
}

// DCMTK has to decode these; all others are read straight from the file.
bool decoded_by_dcmtk(const DicomScan& scan) {
  return scan.syntax->codec == PixelCodec::kJpeg || scan.syntax->big_endian;
}

E_TransferSyntax dcmtk_syntax(const TransferSyntax& syntax) {
  // An inflated data set is explicit VR little endian, and so is what is not known here.
  if (syntax.deflated || syntax.codec == PixelCodec::kUnknown) return EXS_LittleEndianExplicit;
  return DcmXfer(syntax.uid).getXfer();
}

// The beginning of a file, at most `size` bytes.
std::string read_beginning(const std::filesystem::path& path, std::size_t size) {
  std::ifstream file(path, std::ios::binary);
  std::string content(size, '\0');
  file.read(content.data(), static_cast<std::streamsize>(size));
  if (!file.is_open() || file.bad())
    throw Error(ErrorKind::kIo, path.string() + ": cannot be read");
  content.resize(static_cast<std::size_t>(file.gcount()));
  return content;
}

}  // namespace

void refuse_dicom(const std::string& name, const std::string& what) {
  throw Error(ErrorKind::kBadContent, fmt::format("{}: {}", name, what));
}

LoadedDicom::LoadedDicom() : data(std::make_unique<DcmDataset>()) {}
LoadedDicom::~LoadedDicom() = default;

void load_dicom(std::span<const std::byte> bytes, const std::string& name,
                const DecodeLimits& limits, LoadedDicom& loaded) {
  prepare_dcmtk();
  scan_dicom(bytes, name, limits, loaded.scan);
  const DicomScan& scan = loaded.scan;
  const bool whole = !scan.header_only && decoded_by_dcmtk(scan);
  const auto content = whole ? scan.data_set : scan.data_set.first(scan.header_end);
  DcmInputBufferStream stream;
  stream.setBuffer(content.data(), static_cast<offile_off_t>(content.size()));
  stream.setEos();
  loaded.data->transferInit();
  const OFCondition condition = loaded.data->read(stream, dcmtk_syntax(*scan.syntax));
  loaded.data->transferEnd();
  if (condition.bad()) refuse_dicom(name, fmt::format("damaged DICOM ({})", condition.text()));
}

bool dictionary_sequence(std::uint16_t group, std::uint16_t element) {
  return DcmTag(group, element).getEVR() == EVR_SQ;
}

std::string name_of_uid(const std::string& uid) {
  const char* name = dcmFindNameOfUID(uid.c_str());
  return name == nullptr ? "" : fmt::format(" ({})", name);
}

DicomInfo dicom_info(std::span<const std::byte> bytes, const std::string& name,
                     const DecodeLimits& limits) {
  LoadedDicom loaded;
  load_dicom(bytes, name, limits, loaded);
  return info_of(loaded, static_cast<std::int64_t>(bytes.size()));
}

std::optional<DicomInfo> read_dicom_header(const std::filesystem::path& path,
                                           const DecodeLimits& limits) {
  constexpr std::size_t kFirst = std::size_t{1} << 16, kGrowth = 16;
  const auto most = static_cast<std::size_t>(limits.max_file_bytes);
  for (std::size_t size = std::min(kFirst, most);; size = std::min(size * kGrowth, most)) {
    const std::string content = read_beginning(path, size);
    const auto bytes = std::as_bytes(std::span(content));
    if (!is_dicom(bytes)) return std::nullopt;
    try {
      LoadedDicom loaded;
      loaded.scan.header_only = true;
      load_dicom(bytes, path.string(), limits, loaded);
      // A data set without pixels ends where the file does.
      if (loaded.scan.has_pixels || content.size() < size || size == most) {
        std::error_code ignored;
        return info_of(loaded,
                       static_cast<std::int64_t>(std::filesystem::file_size(path, ignored)));
      }
    } catch (const Error&) {
      if (content.size() < size || size == most) throw;  // the whole file was there
    }
  }
}

DecodedDicom decode_dicom(std::span<const std::byte> bytes, const std::string& name,
                          const DecodeLimits& limits) {
  LoadedDicom loaded;
  load_dicom(bytes, name, limits, loaded);
  DecodedDicom decoded;
  decoded.info = info_of(loaded, static_cast<std::int64_t>(bytes.size()));
  DicomInfo decoding = decoded.info;
  decoded.pixels = pixels_of(loaded, decoding, name);
  decoded.rule = display_rule(*loaded.data, decoding, name);
  decoded.lossless = loaded.scan.syntax->lossless;
  return decoded;
}

}  // namespace biplane
