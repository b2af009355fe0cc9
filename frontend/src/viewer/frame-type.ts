/** JPEG-LS lossless in a single part; the server falls back to nothing else, so a proxy cannot re-encode a frame. */
export const FRAME_TYPE = "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.80";
