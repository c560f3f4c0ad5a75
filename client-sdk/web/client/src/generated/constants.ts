// Names, bounds and bytes that are the same on both sides. Made of `crdt-core`, and not to be changed by hand:
//
//     DOVETAIL_WRITE_VECTORS=1 cargo test --workspace --lib typescript

/** `kind` in the root of a dashboard. */
export const DASHBOARD_KIND = "dashboard"

/** `kind` in the root of a widget data document. */
export const WIDGET_DATA_KIND = "widget-data"

/** The shape of both that this version writes. */
export const SCHEMA_VERSION = 1

/** The actor of first changes, and of nothing else, in hexadecimal. */
export const FIRST_ACTOR = "646f76657461696c3a66697273743a31"

/** The change that every dashboard starts from, in hexadecimal. */
export const FIRST_DASHBOARD = "856f4a83ae8a0700019c010010646f76657461696c3a66697273743a3101010000000801060206154534014208560c570c700200050200000100050205000178046b696e640d736368656d6156657273696f6e057469746c650b6465736372697074696f6e046772696407636f6c756d6e7309726f7748656967687407776964676574730804017f0002017f007e96011402067f0002147f0064617368626f61726401181e0800"

/** The change that every widget data document starts from, in hexadecimal. */
export const FIRST_WIDGET_DATA = "856f4a83d17362e601790010646f76657461696c3a66697273743a3101010000000615333401420656075712700279046b696e640d736368656d6156657273696f6e05736861706506706f696e747307636f6c756d6e7304726f7773047465787407030103027f047db601146604007769646765742d6461746101706f696e74730700"

/** The key in the root of a document that nobody but Dovetail writes. */
export const RESERVED_KEY = "_dovetail"

/** The actor of the change that makes it, and of nothing else, in hexadecimal. */
export const ENTRY_ACTOR = "646f76657461696c3a656e7472793a31"

/** That change, in hexadecimal. It depends on nothing. */
export const ENTRY_CHANGE = "856f4a83fa8e7a9201580010646f76657461696c3a656e7472793a31010100000007010402041523340142025602700200010300000103017c095f646f76657461696c0677616976656407736574746c65640876657273696f6e7304040004000400"

/** How many edits one change may hold. */
export const EDITS_MAX = 1000

/** The most bytes of a widget's id. */
export const WIDGET_ID_BYTES_MAX = 128

/** The most letters of an order key. */
export const ORDER_KEY_BYTES_MAX = 250

/** How many oddities are listed of one document. */
export const ODDITIES_MAX = 100

/** The points that a document keeps when it does not say. */
export const POINTS_KEPT = 10000

/** The most points that a document may ask to keep. */
export const POINTS_KEPT_MAX = 100000

/** The most points that one change removes. */
export const POINTS_REMOVED_MAX = 20000

/** The greatest time of a point, either way, in milliseconds since 1970. */
export const TIME_MS_MAX = 8640000000000000

/** The most bytes that a document id names. */
export const DOCUMENT_ID_BYTES_MAX = 64

/** The most bytes of a token. */
export const TOKEN_BYTES_MAX = 8192

/** The last moment at which a waiver may end, in milliseconds since 1970. */
export const WAIVER_UNTIL_MS_MAX = 253402300799999

/** How many lines a group of the history lists, the newest ones. */
export const HISTORY_MESSAGES_MAX = 25

/** How many changes of a group of the history are named, the newest ones. */
export const HISTORY_HASHES_MAX = 100

/** What the secret of a link begins with. */
export const LINK_PREFIX = "dvl_"

/** What the id of somebody begins with who came by a link. */
export const LINK_SUBJECT_PREFIX = "link:"
