// Written by `make web-types`. Schema a4ffbdc9e61c8a4d9f4b24228ac648ef1be41bf96fc61e2c6c0f464b86e5ae05

export interface paths {
    "/api/v1/capabilities": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Capabilities */
        get: operations["capabilities"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follow Jobs
         * @description Server-sent events of several jobs, until all have ended. A job that cannot be followed has an event `failed`.
         */
        get: operations["follow_jobs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List Jobs
         * @description The caller's jobs, newest first, with long texts cut.
         */
        get: operations["list_jobs"];
        put?: never;
        /**
         * Create Job
         * @description Accept a job. Once this has answered, the job survives anything short of the loss of the disk.
         */
        post: operations["create_job"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get Job */
        get: operations["get_job"];
        put?: never;
        post?: never;
        /**
         * Delete Job
         * @description Cancel the job unless it has ended, and delete its record and its images.
         */
        delete: operations["delete_job"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job_id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel Job
         * @description Cancel the job unless it has ended; the answer shows its status. Finished images stay.
         */
        post: operations["cancel_job"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job_id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follow Job
         * @description Server-sent events until the job has ended: status, progress, preview, image, failed, done.
         *
         *     The stream begins with the job's present state, or after the event of Last-Event-ID. If the server stops before the
         *     job has ended, `closing` is the last event: another connection goes on after it.
         */
        get: operations["follow_job"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job_id}/images/{index}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Image
         * @description The image's file, which never changes: its ETag is its SHA-256.
         */
        get: operations["get_image"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job_id}/images/{index}/links": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Create Link
         * @description Make a link by which anybody may see the image until the link expires.
         *
         *     Its file says that a model made the image, and tells how only where that is asked for.
         */
        post: operations["create_link"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job_id}/images/{index}/thumbnail": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Thumbnail
         * @description The image as WebP, at most 256 pixels on each side.
         */
        get: operations["get_thumbnail"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Session
         * @description Tell who the caller is. 401 without a valid session or key, where one is needed.
         */
        get: operations["get_session"];
        put?: never;
        /**
         * Open Session
         * @description Open a session with a key. It ends after a time that the operator sets, a day by default, or with its key.
         */
        post: operations["open_session"];
        /**
         * Close Session
         * @description Make the browser forget the session, and the images that it has seen with it.
         */
        delete: operations["close_session"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/uploads": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Create Upload
         * @description Store an image for later jobs: upright, in sRGB, and without its metadata.
         */
        post: operations["create_upload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/uploads/{sha256}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get Upload */
        get: operations["get_upload"];
        put?: never;
        post?: never;
        /**
         * Delete Upload
         * @description Delete the upload. Where jobs start from it, it is deleted with the last of them.
         */
        delete: operations["delete_upload"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List Webhook Deliveries
         * @description The deliveries of the caller's jobs, newest first. They are kept as long as their jobs.
         */
        get: operations["list_webhook_deliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/deliveries/{delivery_id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Retry Webhook Delivery
         * @description Try a delivery anew under its id, whatever has become of it. The schedule of tries begins again.
         *
         *     While a try is under way nothing changes. After a receiver has answered 410, this has it told of the job again.
         */
        post: operations["retry_webhook_delivery"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/secret": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Webhook Secret
         * @description The secret with which webhooks of the caller's tenant are signed.
         */
        get: operations["get_webhook_secret"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/secret/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Rotate Webhook Secret
         * @description Make a new secret. For 24 hours webhooks are signed with the former one, too.
         */
        post: operations["rotate_webhook_secret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/livez": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Livez
         * @description 200 while the process answers at all. A process that does not answer needs a restart.
         */
        get: operations["livez"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Readyz
         * @description 200 while jobs are admitted, else 503 with the state of the engine and of the store.
         */
        get: operations["readyz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/shared/{job_id}/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shared Image
         * @description The image of a signed link. 404 where the link has expired or its signature is wrong.
         *
         *     The path ends in the image's index and its extension; links of earlier releases have no extension.
         *     The file holds its generation parameters only where the link was made so.
         */
        get: operations["shared_image"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** Capabilities */
        Capabilities: {
            /** Features */
            features: string[];
            limits: components["schemas"]["RequestLimits"];
            /** Models */
            models: components["schemas"]["ModelOut"][];
            /** Output Formats */
            output_formats: string[];
            /** Samplers */
            samplers: components["schemas"]["SamplerOut"][];
            /** Schedules */
            schedules: string[];
            /** Unusable Models */
            unusable_models: components["schemas"]["UnusableModelOut"][];
            /** Upscalers */
            upscalers: components["schemas"]["UpscalerOut"][];
        };
        /** DefaultsOut */
        DefaultsOut: {
            /** Guidance Scale */
            guidance_scale: number;
            /** Height */
            height: number;
            /** Image Guidance Scale */
            image_guidance_scale: number;
            /** Num Inference Steps */
            num_inference_steps: number;
            /** Sampler */
            sampler: string;
            /** Width */
            width: number;
        };
        /** DeliveryList */
        DeliveryList: {
            /** Data */
            data: components["schemas"]["DeliveryOut"][];
            /** Next Cursor */
            next_cursor: string | null;
        };
        /** DeliveryOut */
        DeliveryOut: {
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /** Error */
            error: string | null;
            /** Event */
            event: string;
            /** Id */
            id: string;
            /** Job Id */
            job_id: string;
            /** Next Try At */
            next_try_at: string | null;
            state: components["schemas"]["DeliveryState"];
            /** Status */
            status: number | null;
            /** Tried At */
            tried_at: string | null;
            /** Tries */
            tries: number;
            /** Url */
            url: string;
        };
        /**
         * DeliveryState
         * @enum {string}
         */
        DeliveryState: "pending" | "delivered" | "failed" | "disabled";
        /** FailureOut */
        FailureOut: {
            /** Code */
            code: string;
            /** Field */
            field: string | null;
            /** Message */
            message: string;
        };
        /** ImageOut */
        ImageOut: {
            /** Height */
            height: number;
            /** Index */
            index: number;
            /** Mime */
            mime: string;
            /** Position */
            position: number[];
            /** Prompt */
            prompt: string;
            prompt_tokens: components["schemas"]["PromptTokens"] | null;
            /** Seed */
            seed: number;
            /** Sha256 */
            sha256: string;
            /** Size Bytes */
            size_bytes: number;
            /** Thumbnail Url */
            thumbnail_url: string;
            timings: components["schemas"]["TimingsOut"];
            /** Url */
            url: string;
            /** Width */
            width: number;
        };
        /** JobList */
        JobList: {
            /** Data */
            data: components["schemas"]["JobListItem"][];
            /** Next Cursor */
            next_cursor: string | null;
        };
        /**
         * JobListItem
         * @description A job in a list. `GET /api/v1/jobs/{job_id}` has all of it.
         */
        JobListItem: {
            /** Abridged */
            abridged: boolean;
            /** Completed At */
            completed_at: string | null;
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            error: components["schemas"]["FailureOut"] | null;
            /** Eta S */
            eta_s: number | null;
            /** Expires At */
            expires_at: string | null;
            /** Id */
            id: string;
            /** Images */
            images: components["schemas"]["ListedImageOut"][];
            progress: components["schemas"]["ProgressOut"];
            request: components["schemas"]["ResolvedRequest"];
            /** Seeds */
            seeds: number[];
            /** Started At */
            started_at: string | null;
            status: components["schemas"]["Status"];
            urls: components["schemas"]["JobUrls"];
        };
        /** JobOut */
        JobOut: {
            /** Completed At */
            completed_at: string | null;
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            error: components["schemas"]["FailureOut"] | null;
            /** Eta S */
            eta_s: number | null;
            /** Expires At */
            expires_at: string | null;
            /** Id */
            id: string;
            /** Images */
            images: components["schemas"]["ImageOut"][];
            progress: components["schemas"]["ProgressOut"];
            /** Prompt Truncated */
            prompt_truncated: boolean | null;
            /** Queue Position */
            queue_position: number | null;
            request: components["schemas"]["ResolvedRequest"];
            /** Seeds */
            seeds: number[];
            /** Started At */
            started_at: string | null;
            status: components["schemas"]["Status"];
            timings: components["schemas"]["TimingsOut"] | null;
            urls: components["schemas"]["JobUrls"];
        };
        /** JobUrls */
        JobUrls: {
            /** Cancel */
            cancel: string;
            /** Events */
            events: string;
            /** Self */
            self: string;
        };
        /** LinkOut */
        LinkOut: {
            /**
             * Expires At
             * Format: date-time
             */
            expires_at: string;
            /** Url */
            url: string;
        };
        /**
         * ListedImageOut
         * @description A finished image of a listed job. Its prompt is the one of its index among the request's.
         */
        ListedImageOut: {
            /** Height */
            height: number;
            /** Index */
            index: number;
            /** Mime */
            mime: string;
            /** Seed */
            seed: number;
            /** Sha256 */
            sha256: string;
            /** Size Bytes */
            size_bytes: number;
            /** Thumbnail Url */
            thumbnail_url: string;
            /** Url */
            url: string;
            /** Width */
            width: number;
        };
        /** Liveness */
        Liveness: {
            /**
             * Status
             * @constant
             */
            status: "ok";
        };
        /** ModelLimits */
        ModelLimits: {
            /** Max Guidance Scale */
            max_guidance_scale: number;
            /** Max Pixels */
            max_pixels: number;
            /** Max Prompt Chars */
            max_prompt_chars: number;
            /** Max Side */
            max_side: number;
            /** Max Steps */
            max_steps: number;
            /** Min Side */
            min_side: number;
            /** Side Multiple */
            side_multiple: number;
        };
        /** ModelOut */
        ModelOut: {
            /** Alias Prefixes */
            alias_prefixes: string[];
            /** Aliases */
            aliases: string[];
            /** Default */
            default: boolean;
            defaults: components["schemas"]["DefaultsOut"];
            /** Id */
            id: string;
            /** Inputs */
            inputs: string[];
            limits: components["schemas"]["ModelLimits"];
            /** Long Prompt Tokens */
            long_prompt_tokens: number;
            /** Prompt Tokens */
            prompt_tokens: number;
            /** Required Inputs */
            required_inputs: string[];
            /** Samplers */
            samplers: components["schemas"]["SamplerLimitsOut"][];
            /** Sizes */
            sizes: components["schemas"]["SizeOut"][];
            status: components["schemas"]["ModelStatus"];
            /** Wait S */
            wait_s: number;
        };
        /**
         * ModelStatus
         * @description The status of a model: where it is, or why it cannot be used now.
         * @enum {string}
         */
        ModelStatus: "disk" | "host" | "loading" | "resident" | "failed";
        /**
         * Phase
         * @description The engine's state. Only `serving` and `stalled` admit jobs.
         * @enum {string}
         */
        Phase: "loading" | "serving" | "stalled" | "restarting" | "draining" | "failed" | "stopped";
        /** ProblemDetail */
        ProblemDetail: {
            /** Detail */
            detail: string;
            /** Pointer */
            pointer: string;
        };
        /**
         * ProblemOut
         * @description Problem details (RFC 9457).
         */
        ProblemOut: {
            /** Code */
            code: string;
            /** Detail */
            detail: string;
            /** Errors */
            errors: components["schemas"]["ProblemDetail"][];
            /** Status */
            status: number;
            /** Title */
            title: string;
            /** Type */
            type: string;
        };
        /** ProgressOut */
        ProgressOut: {
            /** Fraction */
            fraction: number;
            /** Loading S */
            loading_s: number | null;
            /** Step */
            step: number;
            /** Steps */
            steps: number;
        };
        /**
         * PromptTokens
         * @description How much the model read of the texts of an image.
         */
        PromptTokens: {
            negative: components["schemas"]["TextTokens"] | null;
            prompt: components["schemas"]["TextTokens"];
        };
        /** Readiness */
        Readiness: {
            /** Activity */
            activity: string;
            phase: components["schemas"]["Phase"];
            /**
             * Status
             * @enum {string}
             */
            status: "ready" | "not ready";
            /**
             * Store
             * @enum {string}
             */
            store: "available" | "unavailable";
        };
        /** RequestLimits */
        RequestLimits: {
            /** Max Body Bytes */
            max_body_bytes: number;
            /** Max Pictures Per Job */
            max_pictures_per_job: number;
            /** Max Pictures Per Prompt */
            max_pictures_per_prompt: number;
            /** Max Previews */
            max_previews: number;
            /** Max Seed */
            max_seed: number;
            /** Max Upload Bytes */
            max_upload_bytes: number;
            /** Max Upload Pixels */
            max_upload_pixels: number;
            /** Max Wait S */
            max_wait_s: number;
        };
        /**
         * ResolvedRequest
         * @description The request with every default filled in. Sent again, it makes the same images.
         *
         *     The generation parameters that all images share are fields too, under the names that requests use.
         */
        ResolvedRequest: {
            /** Crop */
            crop: [
                number,
                number
            ];
            /** Deadline S */
            deadline_s: number | null;
            /** Guidance Rescale */
            guidance_rescale: number;
            /** Guidance Scale */
            guidance_scale: number;
            /** Height */
            height: number;
            hires: {
                /** Height */
                height: number;
                /** Steps */
                steps: number;
                /** Strength */
                strength: number;
                /** Upscaler */
                upscaler: string;
                /** Width */
                width: number;
            } | null;
            /** Image */
            image: string | null;
            /** Image Guidance Scale */
            image_guidance_scale: number;
            /** Keep Unmasked */
            keep_unmasked: boolean;
            /** Long Prompt */
            long_prompt: boolean;
            /** Mask */
            mask: string | null;
            /** Model */
            model: string;
            /** Negative Prompt */
            negative_prompt: string | null;
            /** Steps */
            num_inference_steps: number;
            /** Original Size */
            original_size: [
                number,
                number
            ] | null;
            /** Output Compression */
            output_compression: number | null;
            /**
             * Output Format
             * @enum {string}
             */
            output_format: "png" | "webp" | "jpeg";
            /** Previews */
            previews: number;
            /**
             * Priority
             * @enum {string}
             */
            priority: "interactive" | "batch";
            /** Prompts */
            prompts: string[];
            refiner: {
                /** Model */
                model: string;
                /** Switch At */
                switch_at: number;
            } | null;
            /** Sampler */
            sampler: string;
            /** Schedule */
            schedule: string | null;
            /** Strength */
            strength: number;
            /** Target Size */
            target_size: [
                number,
                number
            ] | null;
            /** Width */
            width: number;
        };
        /**
         * Role
         * @enum {string}
         */
        Role: "user" | "admin";
        /**
         * SamplerLimitsOut
         * @description The limits within which the model can use a sampler. It cannot use samplers that are not listed.
         */
        SamplerLimitsOut: {
            /** Impossible Steps */
            impossible_steps: number[];
            /** Max Steps */
            max_steps: number;
            /** Name */
            name: string;
            /** Schedules */
            schedules: string[];
        };
        /** SamplerOut */
        SamplerOut: {
            /** Aliases */
            aliases: string[];
            /** Label */
            label: string;
            /** Max Steps */
            max_steps: number | null;
            /** Name */
            name: string;
            /** Schedules */
            schedules: string[];
            /** Stochastic */
            stochastic: boolean;
        };
        /** SecretOut */
        SecretOut: {
            /** Key */
            key: string;
        };
        /** SessionOut */
        SessionOut: {
            /** Expires At */
            expires_at: string | null;
            /** Keys Required */
            keys_required: boolean;
            /** Name */
            name: string;
            role: components["schemas"]["Role"];
            /** Tenant */
            tenant: string;
        };
        /** SizeOut */
        SizeOut: {
            /** Height */
            height: number;
            /** Width */
            width: number;
        };
        /**
         * Status
         * @enum {string}
         */
        Status: "queued" | "running" | "succeeded" | "failed" | "canceled";
        /**
         * TextTokens
         * @description Tokens of a text, without the start and the end that the model puts around it.
         */
        TextTokens: {
            /** Read */
            read: number;
            /** Total */
            total: number;
        };
        /**
         * TimingsOut
         * @description Seconds. A job has the longest wait of its images, and the sums of their other times.
         */
        TimingsOut: {
            /** Batch Size */
            batch_size: number;
            /** Decode S */
            decode_s: number;
            /** Denoise S */
            denoise_s: number;
            /** Encode S */
            encode_s: number;
            /** Queue S */
            queue_s: number;
            /** Total S */
            total_s: number | null;
        };
        /** UnusableModelOut */
        UnusableModelOut: {
            /** Error */
            error: string;
            /** Id */
            id: string;
        };
        /** UploadOut */
        UploadOut: {
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /** Expires At */
            expires_at: string | null;
            /** Height */
            height: number;
            /** Sha256 */
            sha256: string;
            /** Size Bytes */
            size_bytes: number;
            /** Width */
            width: number;
        };
        /** UpscalerOut */
        UpscalerOut: {
            /** Decoded */
            decoded: boolean;
            /** Label */
            label: string;
            /** Name */
            name: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: {
        /** @description What is left of them */
        RateLimit: string;
        /** @description The quotas of the key */
        "RateLimit-Policy": string;
        /** @description Seconds after which the request would be admitted; none where waiting does not help */
        "Retry-After": string;
        /** @description The same in milliseconds */
        "Retry-After-Ms": string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    capabilities: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Capabilities"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "Retry-After-Ms": components["headers"]["Retry-After-Ms"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
        };
    };
    follow_jobs: {
        parameters: {
            query: {
                /** @description A job's id, or ID@EVENT to resume after that event */
                job: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The jobs' events */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": {
                        data: string;
                        /** @enum {unknown} */
                        event: "status" | "progress" | "preview" | "image" | "failed" | "done" | "closing";
                        id: string;
                    };
                };
            };
            /** @description Each job has ended, and its last event was seen */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "Retry-After-Ms": components["headers"]["Retry-After-Ms"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
        };
    };
    list_jobs: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `next_cursor` of the page before */
                cursor?: string | null;
                status?: components["schemas"]["Status"] | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobList"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "Retry-After-Ms": components["headers"]["Retry-After-Ms"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
        };
    };
    create_job: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key again gives the same job, for 24 hours and as long as it is kept */
                "Idempotency-Key"?: string;
                /** @description wait=N: answer when the job has ended, after N seconds at the latest; respond-async */
                Prefer?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /**
                     * Crop
                     * @description [left, top] that it is told; [0, 0]
                     */
                    crop?: number[] | null;
                    /**
                     * Deadline S
                     * @description Seconds after which the images are of no use: what cannot be made by then fails
                     */
                    deadline_s?: number | null;
                    /** @description Pixels by which the image is extended on each side; they are painted */
                    extend?: {
                        /**
                         * Bottom
                         * @default 0
                         */
                        bottom?: number;
                        /**
                         * Left
                         * @default 0
                         */
                        left?: number;
                        /**
                         * Right
                         * @default 0
                         */
                        right?: number;
                        /**
                         * Top
                         * @default 0
                         */
                        top?: number;
                    } | null;
                    /**
                     * Guidance Rescale
                     * @description Tames overexposure by strong guidance; 0 turns it off
                     */
                    guidance_rescale?: number | null;
                    /**
                     * Guidance Scale
                     * @description How closely to follow the prompt; 1 or less turns guidance off
                     */
                    guidance_scale?: number | null;
                    /** Height */
                    height?: number | null;
                    /** @description Makes the image at a smaller size first, then enlarges it and denoises it further */
                    hires?: {
                        /** Height */
                        height?: number | null;
                        /**
                         * Scale
                         * @description The result's sides divided by those of the first pass; 2
                         */
                        scale?: number | null;
                        /**
                         * Steps
                         * @description Steps of the second pass; as those of the first
                         */
                        steps?: number | null;
                        /**
                         * Strength
                         * @description How far the second pass goes back into the noise
                         */
                        strength?: number | null;
                        /**
                         * Upscaler
                         * @description How the first pass is enlarged
                         * @default bilinear
                         */
                        upscaler?: string;
                        /**
                         * Width
                         * @description Pixels of the first pass, instead of scale; with height
                         */
                        width?: number | null;
                    } | null;
                    /**
                     * Image
                     * @description PNG, JPEG or WebP to start from: a file, base64, a data URL, or an upload's sha256
                     */
                    image?: string | null;
                    /**
                     * Image Guidance Scale
                     * @description How closely an InstructPix2Pix model keeps to the image; 1 turns this guidance off
                     */
                    image_guidance_scale?: number | null;
                    /**
                     * Keep Unmasked
                     * @description Whether what the mask keeps is put back, pixel by pixel, when the image is finished
                     * @default false
                     */
                    keep_unmasked?: boolean;
                    /**
                     * Long Prompt
                     * @description Reads texts beyond the model's length in chunks, instead of cutting them
                     * @default false
                     */
                    long_prompt?: boolean;
                    /**
                     * Mask
                     * @description Where to repaint, an image of the same size: what is transparent or, where nothing is, white
                     */
                    mask?: string | null;
                    /**
                     * Model
                     * @description A served model; OpenAI's names stand for the default one
                     */
                    model?: string | null;
                    /**
                     * N
                     * @description Images of each prompt
                     * @default 1
                     */
                    n?: number;
                    /**
                     * Negative Prompt
                     * @description What to keep out of the image; null is none, which is not the empty text for every model
                     */
                    negative_prompt?: string | null;
                    /**
                     * Num Inference Steps
                     * @description Denoising steps
                     */
                    num_inference_steps?: number | null;
                    /**
                     * Original Size
                     * @description [width, height] that a model with size conditioning is told; the image's own
                     */
                    original_size?: number[] | null;
                    /**
                     * Output Compression
                     * @description Quality of webp (100: lossless) and jpeg; png is lossless
                     */
                    output_compression?: number | null;
                    /**
                     * Output Format
                     * @description png, unless Accept asks for another
                     */
                    output_format?: ("png" | "webp" | "jpeg") | null;
                    /**
                     * Previews
                     * @description Previews of each image, sent as events of the job
                     * @default 0
                     */
                    previews?: number;
                    /**
                     * Priority
                     * @description batch gives way to what somebody waits for
                     * @default interactive
                     * @enum {string}
                     */
                    priority?: "interactive" | "batch";
                    /**
                     * Prompt
                     * @description One prompt, or a list of them
                     */
                    prompt: string | string[];
                    /**
                     * Prompt Matrix
                     * @description Whether `{a|b}` in a prompt stands for an image with a and one with b; all combinations then have the same seeds
                     * @default false
                     */
                    prompt_matrix?: boolean;
                    /** @description Another model makes the last steps */
                    refiner?: {
                        /**
                         * Model
                         * @description A served model with the same latents, such as SDXL's refiner
                         */
                        model: string;
                        /**
                         * Switch At
                         * @description Share of the steps after which it takes over
                         * @default 0.8
                         */
                        switch_at?: number;
                    } | null;
                    /**
                     * Resize Mode
                     * @description How the image is brought to the proportions of the size, where they differ
                     * @default crop
                     * @enum {string}
                     */
                    resize_mode?: "crop" | "stretch";
                    /**
                     * Sampler
                     * @description A sampler's name or alias; AUTOMATIC1111's serve too
                     */
                    sampler?: string | null;
                    /**
                     * Schedule
                     * @description Noise levels: karras, exponential or beta
                     */
                    schedule?: string | null;
                    /**
                     * Seed
                     * @description Seed of the first image, counted up for the next; -1 draws one
                     */
                    seed?: number | null;
                    /**
                     * Strength
                     * @description How far to go from the image: 1 with a mask, 0.75 without one
                     */
                    strength?: number | null;
                    /**
                     * Target Size
                     * @description [width, height] that it is told; the image's own
                     */
                    target_size?: number[] | null;
                    /** @description An address that is told what becomes of the job */
                    webhook?: {
                        /**
                         * Events
                         * @description Those that are told; by default those of the job's end
                         * @default [
                         *       "job.succeeded",
                         *       "job.failed",
                         *       "job.canceled"
                         *     ]
                         */
                        events?: ("job.started" | "job.succeeded" | "job.failed" | "job.canceled")[];
                        /**
                         * Url
                         * @description An https address with a public host
                         */
                        url: string;
                    } | null;
                    /**
                     * Width
                     * @description Pixels; the model's own default, as height
                     */
                    width?: number | null;
                };
                "multipart/form-data": {
                    /**
                     * Crop
                     * @description [left, top] that it is told; [0, 0]
                     */
                    crop?: number[] | null;
                    /**
                     * Deadline S
                     * @description Seconds after which the images are of no use: what cannot be made by then fails
                     */
                    deadline_s?: number | null;
                    /** @description Pixels by which the image is extended on each side; they are painted */
                    extend?: {
                        /**
                         * Bottom
                         * @default 0
                         */
                        bottom?: number;
                        /**
                         * Left
                         * @default 0
                         */
                        left?: number;
                        /**
                         * Right
                         * @default 0
                         */
                        right?: number;
                        /**
                         * Top
                         * @default 0
                         */
                        top?: number;
                    } | null;
                    /**
                     * Guidance Rescale
                     * @description Tames overexposure by strong guidance; 0 turns it off
                     */
                    guidance_rescale?: number | null;
                    /**
                     * Guidance Scale
                     * @description How closely to follow the prompt; 1 or less turns guidance off
                     */
                    guidance_scale?: number | null;
                    /** Height */
                    height?: number | null;
                    /** @description Makes the image at a smaller size first, then enlarges it and denoises it further */
                    hires?: {
                        /** Height */
                        height?: number | null;
                        /**
                         * Scale
                         * @description The result's sides divided by those of the first pass; 2
                         */
                        scale?: number | null;
                        /**
                         * Steps
                         * @description Steps of the second pass; as those of the first
                         */
                        steps?: number | null;
                        /**
                         * Strength
                         * @description How far the second pass goes back into the noise
                         */
                        strength?: number | null;
                        /**
                         * Upscaler
                         * @description How the first pass is enlarged
                         * @default bilinear
                         */
                        upscaler?: string;
                        /**
                         * Width
                         * @description Pixels of the first pass, instead of scale; with height
                         */
                        width?: number | null;
                    } | null;
                    /**
                     * Format: binary
                     * @description PNG, JPEG or WebP to start from: a file, base64, a data URL, or an upload's sha256
                     */
                    image?: string;
                    /**
                     * Image Guidance Scale
                     * @description How closely an InstructPix2Pix model keeps to the image; 1 turns this guidance off
                     */
                    image_guidance_scale?: number | null;
                    /**
                     * Keep Unmasked
                     * @description Whether what the mask keeps is put back, pixel by pixel, when the image is finished
                     * @default false
                     */
                    keep_unmasked?: boolean;
                    /**
                     * Long Prompt
                     * @description Reads texts beyond the model's length in chunks, instead of cutting them
                     * @default false
                     */
                    long_prompt?: boolean;
                    /**
                     * Format: binary
                     * @description Where to repaint, an image of the same size: what is transparent or, where nothing is, white
                     */
                    mask?: string;
                    /**
                     * Model
                     * @description A served model; OpenAI's names stand for the default one
                     */
                    model?: string | null;
                    /**
                     * N
                     * @description Images of each prompt
                     * @default 1
                     */
                    n?: number;
                    /**
                     * Negative Prompt
                     * @description What to keep out of the image; null is none, which is not the empty text for every model
                     */
                    negative_prompt?: string | null;
                    /**
                     * Num Inference Steps
                     * @description Denoising steps
                     */
                    num_inference_steps?: number | null;
                    /**
                     * Original Size
                     * @description [width, height] that a model with size conditioning is told; the image's own
                     */
                    original_size?: number[] | null;
                    /**
                     * Output Compression
                     * @description Quality of webp (100: lossless) and jpeg; png is lossless
                     */
                    output_compression?: number | null;
                    /**
                     * Output Format
                     * @description png, unless Accept asks for another
                     */
                    output_format?: ("png" | "webp" | "jpeg") | null;
                    /**
                     * Previews
                     * @description Previews of each image, sent as events of the job
                     * @default 0
                     */
                    previews?: number;
                    /**
                     * Priority
                     * @description batch gives way to what somebody waits for
                     * @default interactive
                     * @enum {string}
                     */
                    priority?: "interactive" | "batch";
                    /**
                     * Prompt
                     * @description One prompt, or a list of them
                     */
                    prompt: string | string[];
                    /**
                     * Prompt Matrix
                     * @description Whether `{a|b}` in a prompt stands for an image with a and one with b; all combinations then have the same seeds
                     * @default false
                     */
                    prompt_matrix?: boolean;
                    /** @description Another model makes the last steps */
                    refiner?: {
                        /**
                         * Model
                         * @description A served model with the same latents, such as SDXL's refiner
                         */
                        model: string;
                        /**
                         * Switch At
                         * @description Share of the steps after which it takes over
                         * @default 0.8
                         */
                        switch_at?: number;
                    } | null;
                    /**
                     * Resize Mode
                     * @description How the image is brought to the proportions of the size, where they differ
                     * @default crop
                     * @enum {string}
                     */
                    resize_mode?: "crop" | "stretch";
                    /**
                     * Sampler
                     * @description A sampler's name or alias; AUTOMATIC1111's serve too
                     */
                    sampler?: string | null;
                    /**
                     * Schedule
                     * @description Noise levels: karras, exponential or beta
                     */
                    schedule?: string | null;
                    /**
                     * Seed
                     * @description Seed of the first image, counted up for the next; -1 draws one
                     */
                    seed?: number | null;
                    /**
                     * Strength
                     * @description How far to go from the image: 1 with a mask, 0.75 without one
                     */
                    strength?: number | null;
                    /**
                     * Target Size
                     * @description [width, height] that it is told; the image's own
                     */
                    target_size?: number[] | null;
                    /** @description An address that is told what becomes of the job */
                    webhook?: {
                        /**
                         * Events
                         * @description Those that are told; by default those of the job's end
                         * @default [
                         *       "job.succeeded",
                         *       "job.failed",
                         *       "job.canceled"
                         *     ]
                         */
                        events?: ("job.started" | "job.succeeded" | "job.failed" | "job.canceled")[];
                        /**
                         * Url
                         * @description An https address with a public host
                         */
                        url: string;
                    } | null;
                    /**
                     * Width
                     * @description Pixels; the model's own default, as height
                     */
                    width?: number | null;
                };
            };
        };
        responses: {
            /** @description The job has ended: after Prefer: wait, or because its key was used before */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobOut"];
                    "image/jpeg": unknown;
                    "image/png": unknown;
                    "image/webp": unknown;
                };
            };
            /** @description The job is accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobOut"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Gone */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Request Entity Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Unsupported Media Type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "Retry-After-Ms": components["headers"]["Retry-After-Ms"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
        };
    };
    get_job: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobOut"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "Retry-After-Ms": components["headers"]["Retry-After-Ms"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
        };
    };
    delete_job: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "Retry-After-Ms": components["headers"]["Retry-After-Ms"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
        };
    };
    cancel_job: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobOut"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "Retry-After-Ms": components["headers"]["Retry-After-Ms"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
        };
    };
    follow_job: {
        parameters: {
            query?: never;
            header?: {
                "Last-Event-ID"?: string;
            };
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The job's events */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": {
                        data: string;
                        /** @enum {unknown} */
                        event: "status" | "progress" | "preview" | "image" | "failed" | "done" | "closing";
                        id: string;
                    };
                };
            };
            /** @description The event of Last-Event-ID was the last */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "Retry-After-Ms": components["headers"]["Retry-After-Ms"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
        };
    };
    get_image: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
                index: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "image/jpeg": unknown;
                    "image/png": unknown;
                    "image/webp": unknown;
                };
            };
            /** @description The part that Range asks for */
            206: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "image/jpeg": unknown;
                    "image/png": unknown;
                    "image/webp": unknown;
                };
            };
            /** @description The image of If-None-Match */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description The file ends before the part that Range asks for */
            416: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "Retry-After-Ms": components["headers"]["Retry-After-Ms"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
        };
    };
    create_link: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
                index: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /**
                     * Expires In S
                     * @default 3600
                     */
                    expires_in_s?: number;
                    /**
                     * Include Parameters
                     * @description Whether the file tells its prompt and its other parameters to whoever has the link
                     * @default false
                     */
                    include_parameters?: boolean;
                };
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LinkOut"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Request Entity Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Unsupported Media Type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "Retry-After-Ms": components["headers"]["Retry-After-Ms"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
        };
    };
    get_thumbnail: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
                index: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "image/webp": unknown;
                };
            };
            /** @description The part that Range asks for */
            206: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "image/webp": unknown;
                };
            };
            /** @description The thumbnail of If-None-Match */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description The file ends before the part that Range asks for */
            416: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "Retry-After-Ms": components["headers"]["Retry-After-Ms"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
        };
    };
    get_session: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionOut"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
        };
    };
    open_session: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /**
                     * Key
                     * @description An API key
                     */
                    key: string;
                };
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionOut"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Request Entity Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Unsupported Media Type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
        };
    };
    close_session: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
        };
    };
    create_upload: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /**
                     * Image
                     * @description PNG, JPEG or WebP: a file of a form, base64, or a data URL
                     */
                    image: string;
                };
                "multipart/form-data": {
                    /**
                     * Format: binary
                     * @description PNG, JPEG or WebP: a file of a form, base64, or a data URL
                     */
                    image: string;
                };
            };
        };
        responses: {
            /** @description The image is stored */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UploadOut"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Request Entity Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Unsupported Media Type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "Retry-After-Ms": components["headers"]["Retry-After-Ms"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
        };
    };
    get_upload: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                sha256: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UploadOut"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "Retry-After-Ms": components["headers"]["Retry-After-Ms"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
        };
    };
    delete_upload: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                sha256: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "Retry-After-Ms": components["headers"]["Retry-After-Ms"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
        };
    };
    list_webhook_deliveries: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `next_cursor` of the page before */
                cursor?: string | null;
                state?: components["schemas"]["DeliveryState"] | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeliveryList"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "Retry-After-Ms": components["headers"]["Retry-After-Ms"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
        };
    };
    retry_webhook_delivery: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                delivery_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeliveryOut"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "Retry-After-Ms": components["headers"]["Retry-After-Ms"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
        };
    };
    get_webhook_secret: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SecretOut"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "Retry-After-Ms": components["headers"]["Retry-After-Ms"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
        };
    };
    rotate_webhook_secret: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SecretOut"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimit-Policy"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "Retry-After-Ms": components["headers"]["Retry-After-Ms"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
        };
    };
    livez: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Liveness"];
                };
            };
        };
    };
    readyz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
        };
    };
    shared_image: {
        parameters: {
            query: {
                expires: number;
                signature: string;
                parameters?: "with" | null;
            };
            header?: never;
            path: {
                job_id: string;
                file: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "image/jpeg": unknown;
                    "image/png": unknown;
                    "image/webp": unknown;
                };
            };
            /** @description The part that Range asks for */
            206: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "image/jpeg": unknown;
                    "image/png": unknown;
                    "image/webp": unknown;
                };
            };
            /** @description The image of If-None-Match */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
            /** @description The file ends before the part that Range asks for */
            416: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemOut"];
                };
            };
        };
    };
}
